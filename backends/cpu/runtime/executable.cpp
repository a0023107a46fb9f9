#include "backends/cpu/runtime/executable.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "engine/base/denormals.h"
#include "engine/base/steady_time.h"
#include "tessera/error.h"
#include "tessera/op.h"

namespace tessera::cpu {
namespace {

void fill(std::byte* data, const TensorSpec& spec, double value) {
  const auto count = static_cast<std::size_t>(spec.elements());
  switch (spec.dtype) {
    case DType::f32:
      std::fill_n(reinterpret_cast<float*>(data), count, static_cast<float>(value));
      return;
    case DType::i32:
      std::fill_n(reinterpret_cast<std::int32_t*>(data), count, static_cast<std::int32_t>(value));
      return;
    case DType::u8:
      std::fill_n(reinterpret_cast<std::uint8_t*>(data), count, static_cast<std::uint8_t>(value));
      return;
  }
}

std::byte* persistent_data(const Value& value, Params& params) {
  const Params::Place place = params.place(value);
  const auto* buffer = dynamic_cast<const CpuBuffer*>(place.buffer);
  if (!buffer)
    throw Error("cpu", fmt::format("'{}' is on device {}, expected cpu", value.name,
                                   params.device().info().id));
  return buffer->data() + place.offset;
}

}  // namespace

CpuExecutable::CpuExecutable(CpuDevice& device, const Plan& plan, Params& params)
    : device_(device), graph_(plan.graph()), params_(params), updates_params_(plan.updates()) {
  arenas_.reserve(plan.arenas().size());
  for (std::size_t bytes : plan.arenas()) arenas_.emplace_back(bytes, device.info().memory_bytes);
  const std::vector<std::byte*> values = place_values(plan, params);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Value& value = graph_.values()[i];
    if (value.role == Role::input) inputs_.emplace(value.name, Slot{values[i], value.spec});
  }
  for (const Graph::Output& output : graph_.outputs()) {
    const Slot slot{values[static_cast<std::size_t>(output.value)],
                    graph_.value(output.value).spec};
    outputs_.emplace(output.name, slot);
  }
  for (NodeId id = 0; id < static_cast<NodeId>(graph_.nodes().size()); ++id)
    lower(id, plan, values);
  memory_.arena = plan.arena_bytes();
  allocate_workspace();
  for (const CpuBuffer& constant : constants_) memory_.constants += constant.bytes();
  for (ValueId id : plan.persistent()) memory_.parameters += graph_.value(id).spec.bytes();
}

std::vector<Buffer*> CpuExecutable::arenas() {
  std::vector<Buffer*> all;
  for (CpuBuffer& arena : arenas_) all.push_back(&arena);
  return all;
}

void CpuExecutable::allocate_workspace() {
  const auto aligned = [](std::size_t bytes) { return (bytes + 63) / 64 * 64; };
  for (NodeStep& s : steps_) {
    std::size_t bytes = s.step.workspace_bytes;
    if (s.is_kept) {
      s.packed_at = memory_.prepared;
      memory_.prepared += aligned(s.step.prepacking.bytes);
    } else {
      s.packed_at = aligned(bytes);
      bytes = s.packed_at + s.step.prepacking.bytes;
    }
    memory_.workspace = std::max(memory_.workspace, bytes);
  }
  workspace_ = std::make_unique<CpuBuffer>(memory_.workspace, device_.info().memory_bytes);
  kept_ = std::make_unique<CpuBuffer>(memory_.prepared, device_.info().memory_bytes);
}

/// Where each value lies; nullptr for those that no node and no output uses.
std::vector<std::byte*> CpuExecutable::place_values(const Plan& plan, Params& params) {
  std::vector<std::byte*> data(graph_.values().size(), nullptr);
  for (ValueId id : plan.persistent())
    data[static_cast<std::size_t>(id)] = persistent_data(graph_.value(id), params);
  constants_.reserve(plan.constants().size());
  for (ValueId id : plan.constants()) {
    const Value& value = graph_.value(id);
    constants_.emplace_back(value.spec.bytes(), device_.info().memory_bytes);
    data[static_cast<std::size_t>(id)] = constants_.back().data();
    fill(constants_.back().data(), value.spec, value.initializer.value);
  }
  for (std::size_t i = 0; i < data.size(); ++i) {
    const Placement& place = plan.placement(static_cast<ValueId>(i));
    if (!place.used) continue;
    data[i] = place.in_arena ? arenas_.at(place.arena).data() + place.offset
                             : data[static_cast<std::size_t>(place.root)];
  }
  return data;
}

void CpuExecutable::lower(NodeId id, const Plan& plan, const std::vector<std::byte*>& values) {
  const Node& node = graph_.node(id);
  if (const std::string_view idle = plan.idle(id); !idle.empty()) {
    choices_.push_back({node.name, std::string(node.op->name), std::string(idle), {}, {}});
    return;
  }
  auto choice = device_.choose({NodeView(graph_, id), device_.processor()});
  choices_.push_back({node.name, std::string(node.op->name), std::string(choice.algorithm->name),
                      std::move(choice.tuned), std::move(choice.refused)});
  const auto data_of = [&](const std::vector<ValueId>& ids) {
    std::vector<std::byte*> data;
    for (ValueId value : ids) data.push_back(values[static_cast<std::size_t>(value)]);
    return data;
  };
  const BoundNode bound({NodeView(graph_, id, std::move(choice.parameters)), device_.processor()},
                        data_of(node.inputs), data_of(node.outputs));
  Step step = choice.algorithm->lower(bound);
  const auto& packed = step.prepacking.inputs;
  const bool is_kept = step.prepacking.run &&
                       std::all_of(packed.begin(), packed.end(),
                                   [&](std::size_t i) { return plan.is_fixed(node.inputs.at(i)); });
  steps_.push_back({id, std::move(step), plan.runs_once(id), is_kept});
}

const CpuExecutable::Slot& CpuExecutable::find_slot(const Slots& slots, const char* kind,
                                                    std::string_view name, std::size_t bytes) {
  const auto found = slots.find(name);
  if (found == slots.end()) {
    std::vector<std::string_view> names;
    for (const auto& [known, slot] : slots) names.push_back(known);
    throw Error("cpu", fmt::format("there is no {} '{}'; there are: {}", kind, name,
                                   fmt::join(names, ", ")));
  }
  const Slot& slot = found->second;
  if (slot.spec.bytes() != bytes)
    throw Error("cpu", fmt::format("{} '{}' is {} of {} bytes, found {} bytes", kind, name,
                                   to_string(slot.spec), slot.spec.bytes(), bytes));
  return slot;
}

template <typename Work>
void CpuExecutable::recorded(NodeId node, const char* what, std::string_view name, Queue queue,
                             const Work& work) {
  if (!device_.profiling()) return work();
  ProfileRecord record{node, what + std::string(name), queue, steady_seconds(), 0};
  work();
  record.end = steady_seconds();
  records_.push_back(std::move(record));
}

void CpuExecutable::set_input(std::string_view name, std::span<const std::byte> bytes) {
  const Slot& slot = find_slot(inputs_, "input", name, bytes.size());
  if (!slot.data || bytes.empty()) return;
  recorded(no_node, "upload ", name, Queue::copy,
           [&] { std::copy(bytes.begin(), bytes.end(), slot.data); });
}

void CpuExecutable::run() {
  device_.check_process();
  const std::lock_guard lock(device_.run_mutex());
  [[maybe_unused]] const FlushDenormals flush{};
  const bool have_changed = params_.version() != seen_version_;
  for (const NodeStep& s : steps_) {
    if (s.runs_once && !have_changed) continue;
    const NodeChoice& choice = choices_[static_cast<std::size_t>(s.node)];
    const StepContext context{device_.pool(), workspace_->data(),
                              (s.is_kept ? kept_ : workspace_)->data() + s.packed_at};
    recorded(s.node, "", choice.algorithm, Queue::compute, [&] {
      const auto& prepack = s.step.prepacking.run;
      if (prepack && (have_changed || !s.is_kept)) prepack(context);
      s.step.run(context);
    });
  }
  if (updates_params_) params_.changed();
  seen_version_ = params_.version();
}

void CpuExecutable::read_output(std::string_view name, std::span<std::byte> bytes) {
  const Slot& slot = find_slot(outputs_, "output", name, bytes.size());
  if (!bytes.empty()) std::memcpy(bytes.data(), slot.data, bytes.size());
}

}  // namespace tessera::cpu

#include "backends/cpu/executable.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

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
    : device_(device), arena_(plan.arena_bytes(), device.info().memory_bytes) {
  const Graph& graph = plan.graph();
  const std::vector<std::byte*> values = place_values(plan, params);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Value& value = graph.values()[i];
    if (value.role == Role::input) inputs_.emplace(value.name, Slot{values[i], value.spec});
  }
  for (const Graph::Output& output : graph.outputs()) {
    const Slot slot{values[static_cast<std::size_t>(output.value)], graph.value(output.value).spec};
    outputs_.emplace(output.name, slot);
  }
  for (const Node& node : graph.nodes()) lower(graph, node, values);
  std::size_t workspace = 0;
  for (const Step& step : steps_) workspace = std::max(workspace, step.workspace_bytes);
  workspace_ = std::make_unique<CpuBuffer>(workspace, device.info().memory_bytes);
}

/// Where each value lies; nullptr for those that no node and no output uses.
std::vector<std::byte*> CpuExecutable::place_values(const Plan& plan, Params& params) {
  const Graph& graph = plan.graph();
  std::vector<std::byte*> data(graph.values().size(), nullptr);
  for (ValueId id : plan.persistent())
    data[static_cast<std::size_t>(id)] = persistent_data(graph.value(id), params);
  constants_.reserve(plan.constants().size());
  for (ValueId id : plan.constants()) {
    const Value& value = graph.value(id);
    constants_.emplace_back(value.spec.bytes(), device_.info().memory_bytes);
    data[static_cast<std::size_t>(id)] = constants_.back().data();
    fill(constants_.back().data(), value.spec, value.initializer.value);
  }
  for (std::size_t i = 0; i < data.size(); ++i) {
    const Placement& place = plan.placement(static_cast<ValueId>(i));
    if (!place.used) continue;
    data[i] =
        place.in_arena ? arena_.data() + place.offset : data[static_cast<std::size_t>(place.root)];
  }
  return data;
}

void CpuExecutable::lower(const Graph& graph, const Node& node,
                          const std::vector<std::byte*>& values) {
  const std::string who = fmt::format("{}: {}", node.name, node.op->name);
  if (node.op->is_view) {
    description_.push_back(who + ", view");
    return;
  }
  const auto data_of = [&](const std::vector<ValueId>& ids) {
    std::vector<std::byte*> data;
    for (ValueId id : ids) data.push_back(values[static_cast<std::size_t>(id)]);
    return data;
  };
  const NodeContext context(graph, node, data_of(node.inputs), data_of(node.outputs),
                            device_.pool().threads());
  std::string refused;
  for (const Algorithm& algorithm : device_.lowering(node.op->name).algorithms) {
    const std::string reason = algorithm.refusal ? algorithm.refusal(context) : std::string();
    if (!reason.empty()) {
      refused += fmt::format("; not {}: {}", algorithm.name, reason);
      continue;
    }
    steps_.push_back(algorithm.prepare(context));
    description_.push_back(fmt::format("{}, {}{}", who, algorithm.name, refused));
    return;
  }
  throw Error("cpu", fmt::format("no algorithm for {}{}", who, refused));
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

void CpuExecutable::set_input(std::string_view name, std::span<const std::byte> bytes) {
  const Slot& slot = find_slot(inputs_, "input", name, bytes.size());
  if (slot.data && !bytes.empty()) std::memcpy(slot.data, bytes.data(), bytes.size());
}

void CpuExecutable::run() {
  const std::lock_guard lock(device_.run_mutex());
  const StepContext context{device_.pool(), workspace_->data()};
  for (const Step& step : steps_) step.run(context);
}

void CpuExecutable::read_output(std::string_view name, std::span<std::byte> bytes) {
  const Slot& slot = find_slot(outputs_, "output", name, bytes.size());
  if (!bytes.empty()) std::memcpy(bytes.data(), slot.data, bytes.size());
}

}  // namespace tessera::cpu

#include "backends/opencl/runtime/executable.h"

#include <algorithm>
#include <cstring>

#include "tessera/op.h"
#include "tessera/params.h"

namespace tessera::opencl {
namespace {

template <class Map>
Error unknown(std::string_view kind, std::string_view name, const Map& known) {
  std::string names;
  for (const auto& entry : known) names += (names.empty() ? "" : ", ") + entry.first;
  return Error("opencl", fmt::format("there is no {} '{}'; there are: {}", kind, name, names));
}

}  // namespace

OpenclExecutable::OpenclExecutable(OpenclDevice& device, const Algorithms& algorithms,
                                   const Tuning& tuning, const Plan& plan, Params& params,
                                   BoundBuffers bound)
    : device_(device),
      graph_(plan.graph()),
      bound_(std::move(bound)),
      params_(params),
      updates_params_(plan.updates()) {
  if (&params.device() != &device) throw Error("opencl", "the parameters are on another device");
  PlanLowering lowering(device_, plan);
  try {
    choose(plan, algorithms, tuning, lowering);
  } catch (const Error&) {
    check_memory(plan, lowering);  // what is too large to count is too large to hold: say that
    throw;
  }
  check_memory(plan, lowering);
  device_.programs().prepare(lowering.programs());
  arenas_ = allocate(plan.arenas());
  bind_values(plan, params);
  fill_constants(plan);
  lower(lowering);
  make_inputs(plan);
  for (const auto& output : graph_.outputs())
    outputs_[output.name] = {buffers_.at(output.value).buffer,
                             graph_.value(output.value).spec.bytes()};
}

// Memory must not go while commands still use it; a failure here has been reported already.
OpenclExecutable::~OpenclExecutable() {
  try {
    device_.finish();
    for (auto& [name, input] : inputs_)
      for (Slot& slot : input.slots)
        if (slot.mapped)
          device_.copy_queue().enqueueUnmapMemObject(slot.host->cl_buffer(), slot.mapped);
    device_.finish();
  } catch (const std::exception&) {
  }
}

std::vector<Buffer*> OpenclExecutable::arenas() {
  std::vector<Buffer*> all;
  for (const auto& arena : arenas_) all.push_back(arena.get());
  return all;
}

std::vector<std::unique_ptr<OpenclBuffer>> OpenclExecutable::allocate(
    const std::vector<std::size_t>& sizes) {
  std::vector<std::unique_ptr<OpenclBuffer>> buffers;
  for (std::size_t bytes : sizes) buffers.push_back(std::make_unique<OpenclBuffer>(device_, bytes));
  return buffers;
}

void OpenclExecutable::bind_values(const Plan& plan, Params& params) {
  Buffers roots;
  for (std::size_t i = 0; i < graph_.values().size(); ++i) {
    const auto id = static_cast<ValueId>(i);
    const Placement& place = plan.placement(id);
    if (!place.used) continue;
    const Value& root = graph_.value(place.root);
    auto found = roots.find(place.root);
    if (found == roots.end()) {
      const std::size_t bytes = std::max<std::size_t>(root.spec.bytes(), 1);
      Storage storage;
      const auto of_application = bound_.find(place.root);
      if (of_application != bound_.end()) {
        storage.block = of_application->second;
      } else if (place.in_arena) {
        storage.block = arenas_.at(place.arena)->cl_buffer();
        storage.offset = place.offset;
      } else if (root.role == Role::constant) {
        constants_.push_back(std::make_unique<OpenclBuffer>(device_, root.spec.bytes()));
        storage.block = constants_.back()->cl_buffer();
      } else {
        const Params::Place of_params = params.place(root);
        storage.block = static_cast<OpenclBuffer*>(of_params.buffer)->cl_buffer();
        storage.offset = of_params.offset;
      }
      storage.buffer = of_application != bound_.end()
                           ? storage.block
                           : sub_buffer(storage.block, storage.offset, bytes);
      found = roots.emplace(place.root, std::move(storage)).first;
    }
    buffers_[id] = found->second;
  }
}

void OpenclExecutable::fill_constants(const Plan& plan) {
  for (ValueId id : plan.constants()) {
    const Value& value = graph_.value(id);
    if (value.spec.elements() == 0) continue;
    checked("constant", [&] {
      device_.compute_queue().enqueueFillBuffer(buffers_.at(id).buffer,
                                                static_cast<cl_float>(value.initializer.value), 0,
                                                value.spec.bytes());
    });
  }
}

void OpenclExecutable::choose(const Plan& plan, const Algorithms& algorithms, const Tuning& tuning,
                              PlanLowering& lowering) {
  for (NodeId id = 0; id < static_cast<NodeId>(graph_.nodes().size()); ++id) {
    const Node& node = graph_.node(id);
    if (const std::string_view idle = plan.idle(id); !idle.empty()) {
      chosen_.emplace_back();
      choices_.push_back({node.name, std::string(node.op->name), std::string(idle), {}, {}});
      continue;
    }
    const auto& [choice, pieces] = chosen_.emplace_back(lowering.choose(algorithms, id, tuning));
    choices_.push_back({node.name, std::string(node.op->name), std::string(choice.algorithm->name),
                        choice.tuned, choice.refused, pieces.size()});
  }
}

// All at once, so that the message says what the whole plan needs.
void OpenclExecutable::check_memory(const Plan& plan, const PlanLowering& lowering) {
  memory_ = {.arena = plan.arena_bytes(),
             .workspace = lowering.workspaces().all(),
             .constants = lowering.table_bytes(),
             .prepared = lowering.packed().all()};
  for (std::size_t i = 0; i < graph_.values().size(); ++i) {
    const Value& value = graph_.values()[i];
    const auto id = static_cast<ValueId>(i);
    if (value.role == Role::input && plan.placement(id).used && !bound_.contains(id))
      memory_.staging += 2 * std::tuple_size_v<decltype(Input::slots)> * value.spec.bytes();
  }
  for (ValueId id : plan.constants()) memory_.constants += graph_.value(id).spec.bytes();
  device_.check_free(
      memory_.total(),
      fmt::format(" (arena {}, workspace {}, inputs {}, constants {}, prepared {})", memory_.arena,
                  memory_.workspace, memory_.staging, memory_.constants, memory_.prepared));
  for (ValueId id : plan.persistent()) memory_.parameters += graph_.value(id).spec.bytes();
}

void OpenclExecutable::lower(PlanLowering& lowering) {
  workspaces_ = allocate(lowering.workspaces().sizes());
  packed_ = allocate(lowering.packed().sizes());
  const auto cl_buffers = [](const std::vector<std::unique_ptr<OpenclBuffer>>& buffers) {
    std::vector<cl::Buffer> all;
    for (const auto& buffer : buffers) all.push_back(buffer->cl_buffer());
    return all;
  };
  lowering.set_memory(&buffers_, cl_buffers(workspaces_), cl_buffers(packed_));
  for (NodeId id = 0; id < static_cast<NodeId>(graph_.nodes().size()); ++id) {
    const NodeLowering& chosen = chosen_[static_cast<std::size_t>(id)];
    if (chosen.choice.algorithm) lowering.lower(id, chosen);
  }
  steps_ = lowering.take_steps();
  make_batches();
  kept_ = lowering.take_buffers();
  tables_ = lowering.take_tables();
  device_.finish();
}

// Calls of libraries stand between command buffers. While the device profiles, its queue is unlike
// those that the buffers would be enqueued on later, and nothing is recorded.
void OpenclExecutable::make_batches() {
  const auto is_launch = [](const Step& s) { return std::holds_alternative<Launch>(s.work); };
  for (std::size_t first = 0, end = 0; first < steps_.size(); first = end) {
    const auto alike = [&](const Step& s) {
      return is_launch(s) == is_launch(steps_[first]) && s.is_fixed == steps_[first].is_fixed;
    };
    std::vector<const Launch*> launches;
    for (; end < steps_.size() && alike(steps_[end]); ++end)
      launches.push_back(std::get_if<Launch>(&steps_[end].work));
    const bool records = is_launch(steps_[first]) && !device_.profiling();
    batches_.push_back({first, end,
                        records
                            ? CommandBuffer(device_.cl_device(), device_.compute_queue(), launches)
                            : CommandBuffer()});
  }
}

void OpenclExecutable::make_inputs(const Plan& plan) {
  for (std::size_t i = 0; i < graph_.values().size(); ++i) {
    const Value& value = graph_.values()[i];
    if (value.role != Role::input) continue;
    Input& input = inputs_[value.name];
    input.bytes = value.spec.bytes();
    const auto id = static_cast<ValueId>(i);
    const bool is_used = plan.placement(id).used;
    input.is_bound = bound_.contains(id);
    input.ever_set = input.is_bound || !is_used;
    if (!is_used || input.bytes == 0 || input.is_bound) continue;
    input.arena = buffers_.at(id).buffer;
    checked("input '" + value.name + "'", [&] {
      for (Slot& slot : input.slots) {
        slot.device = std::make_unique<OpenclBuffer>(device_, input.bytes, CL_MEM_READ_ONLY);
        slot.host = std::make_unique<OpenclBuffer>(device_, input.bytes,
                                                   CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR);
        slot.mapped = device_.copy_queue().enqueueMapBuffer(slot.host->cl_buffer(), CL_TRUE,
                                                            CL_MAP_WRITE, 0, input.bytes);
      }
    });
  }
}

void OpenclExecutable::set_input(std::string_view name, std::span<const std::byte> bytes) {
  device_.check_process();
  const auto found = inputs_.find(name);
  if (found == inputs_.end()) throw unknown("input", name, inputs_);
  Input& input = found->second;
  if (bytes.size() != input.bytes)
    throw Error("opencl", fmt::format("input '{}' takes {} bytes, found {}", name, input.bytes,
                                      bytes.size()));
  if (input.is_bound)
    throw Error("opencl", fmt::format("input '{}' is bound to a buffer of the application", name));
  input.ever_set = true;
  if (!input.arena()) return;
  Slot& slot = input.slots[input.next];
  if (slot.busy()) input.waiter.wait(slot.busy, "input");
  std::memcpy(slot.mapped, bytes.data(), bytes.size());
  checked("input", [&] {
    device_.copy_queue().enqueueWriteBuffer(slot.device->cl_buffer(), CL_FALSE, 0, input.bytes,
                                            slot.mapped, nullptr, &slot.uploaded);
    device_.copy_queue().flush();
  });
  slot.busy = slot.uploaded;
  if (device_.profiling()) recorder_.add(fmt::format("upload {}", name), Queue::copy, slot.busy);
  input.next ^= 1;
  input.pending = true;
}

void OpenclExecutable::take_input(const std::string& name, Input& input) {
  Slot& slot = input.slots[input.next ^ 1];
  // The C function: that of the C++ headers takes a vector of events, which is an allocation.
  const cl_event uploaded = slot.uploaded();
  cl_event busy = nullptr;
  const cl_int status = clEnqueueCopyBuffer(device_.compute_queue()(), slot.device->cl_buffer()(),
                                            input.arena(), 0, 0, input.bytes, 1, &uploaded, &busy);
  if (status != CL_SUCCESS) throw cl::Error(status, "clEnqueueCopyBuffer");
  slot.busy = cl::Event(busy);
  if (device_.profiling()) recorder_.add(fmt::format("copy {}", name), Queue::compute, slot.busy);
  input.pending = false;
}

void OpenclExecutable::enqueue(const Step& step) {
  cl::CommandQueue& queue = device_.compute_queue();
  const auto* launch = std::get_if<Launch>(&step.work);
  const auto* call = std::get_if<Call>(&step.work);
  if (!device_.profiling())
    launch ? launch->enqueue(queue) : (*call)(queue);
  else if (launch)
    recorder_.enqueue(step.node, *launch, queue);
  else
    recorder_.enclose(step.node, queue, *call);
}

void OpenclExecutable::run() {
  device_.check_process();
  for (auto& entry : inputs_) {
    const std::string& name = entry.first;
    Input& input = entry.second;
    if (!input.ever_set) throw Error("opencl", "input '" + name + "' has not been set");
    if (input.pending) checked("input", [&] { take_input(name, input); });
  }
  NodeId node = no_node;
  try {
    const bool have_changed = params_.version() != seen_version_;
    for (const Batch& batch : batches_) {
      const Step& first = steps_[batch.first];
      if (first.is_fixed && !have_changed) continue;
      node = first.node;
      if (batch.commands && !device_.profiling()) {
        batch.commands.enqueue(device_.compute_queue());
        continue;
      }
      for (std::size_t i = batch.first; i < batch.end; ++i) {
        node = steps_[i].node;
        enqueue(steps_[i]);
      }
    }
    device_.compute_queue().flush();
    if (updates_params_) params_.changed();
    seen_version_ = params_.version();
  } catch (const cl::Error& error) {
    throw Error(std::string(graph_.node(node).op->name),
                fmt::format("{} in {} (node '{}')", error_name(error.err()), error.what(),
                            graph_.node(node).name));
  }
}

std::vector<ProfileRecord> OpenclExecutable::take_records() {
  device_.finish();
  return recorder_.take(device_.profiling_clock());
}

void OpenclExecutable::read_output(std::string_view name, std::span<std::byte> bytes) {
  device_.check_process();
  const auto found = outputs_.find(name);
  if (found == outputs_.end()) throw unknown("output", name, outputs_);
  if (bytes.size() != found->second.bytes)
    throw Error("opencl", fmt::format("output '{}' has {} bytes, found {}", name,
                                      found->second.bytes, bytes.size()));
  if (bytes.empty()) return;
  cl::Event done;
  checked("output", [&] {
    device_.compute_queue().enqueueReadBuffer(found->second.buffer, CL_FALSE, 0, bytes.size(),
                                              bytes.data(), nullptr, &done);
    device_.compute_queue().flush();
  });
  wait(done, "output");
}

}  // namespace tessera::opencl

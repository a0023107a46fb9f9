#include "backends/opencl/lowering/launch_builder.h"

#include <algorithm>

#include "backends/opencl/lowering/plan_lowering.h"
#include "engine/base/size_text.h"

namespace tessera::opencl {

LaunchBuilder::LaunchBuilder(LoweringState& state, NodeId node, bool measuring,
                             Parameters parameters, Piece piece)
    : DeviceNode({state.plan.graph(), node, std::move(parameters), piece}, state.device),
      state_(state),
      piece_(std::move(piece)),
      measuring_(measuring) {}

Storage LaunchBuilder::storage(ValueId value, bool by_row) {
  if (measuring_) return {};
  Storage whole = state_.buffers->at(value);
  if (!by_row) return whole;
  const TensorSpec& spec = graph().value(value).spec;
  const std::size_t row = spec.bytes() / static_cast<std::size_t>(spec.dim(0));
  const std::size_t offset = whole.offset + static_cast<std::size_t>(piece_.first) * row;
  const std::size_t bytes = static_cast<std::size_t>(piece_.count) * row;
  state_.kept.push_back(sub_buffer(whole.block, offset, std::max<std::size_t>(bytes, 1)));
  return {state_.kept.back(), whole.block, offset};
}

Storage LaunchBuilder::storage_of_input(std::size_t i) {
  return storage(node().inputs.at(i), !piece_.is_whole() && piece_.inputs[i]);
}

cl::Buffer LaunchBuilder::output(std::size_t i) {
  return storage(node().outputs.at(i), !piece_.is_whole()).buffer;
}

Storage LaunchBuilder::input_storage(std::size_t i) {
  Storage storage = storage_of_input(i);
  const std::size_t end = storage.offset + input_spec(i).bytes();
  if (end / sizeof(float) > static_cast<std::size_t>(traits().most_elements))
    return {storage.buffer, storage.buffer, 0};
  return storage;
}

cl::Buffer LaunchBuilder::workspace(std::size_t bytes) {
  bytes = std::max<std::size_t>(bytes, 1);
  const std::size_t largest = state_.device.largest_arena();
  if (bytes > largest)
    throw TooLarge(*this, fmt::format("its workspace needs an allocation of {}; the device allows "
                                      "{}",
                                      mebibytes(bytes), mebibytes(largest)));
  if (bytes / sizeof(float) > static_cast<std::size_t>(traits().most_elements))
    throw TooLarge(*this, fmt::format("its workspace has {} elements, its kernels count to {}",
                                      bytes / sizeof(float), traits().most_elements));
  LoweringState::Memory& memory = prepacking_ ? state_.packed : state_.workspaces;
  const auto [block, offset] = memory.sizes.take(bytes, traits().base_alignment, largest);
  if (measuring_) return {};
  state_.kept.push_back(sub_buffer(memory.blocks.at(block), offset, bytes));
  return state_.kept.back();
}

cl::Buffer LaunchBuilder::table(std::span<const std::int32_t> values) {
  return table(values.data(), values.size_bytes());
}

cl::Buffer LaunchBuilder::table(std::span<const float> values) {
  return table(values.data(), values.size_bytes());
}

cl::Buffer LaunchBuilder::table(const void* data, std::size_t bytes) {
  // An empty table still needs a buffer to bind.
  const std::int32_t nothing = 0;
  const bool empty = bytes == 0;
  if (empty) bytes = sizeof nothing;
  if (measuring_) {
    state_.table_bytes += bytes;
    return {};
  }
  state_.tables.push_back(std::make_unique<OpenclBuffer>(
      state_.device, bytes, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, empty ? &nothing : data));
  return state_.tables.back()->cl_buffer();
}

void LaunchBuilder::add_kernel_file(const std::string& name, const std::string& source) {
  state_.device.programs().add_file(name, source);
}

// On a CPU a work-item should be worth its start, and there should be a few for each core.
std::int64_t LaunchBuilder::chunk_of(std::int64_t items, std::int64_t at_least) const {
  if (!traits().is_cpu) return 1;
  const std::int64_t work_items = 4 * std::int64_t{traits().compute_units};
  return std::max({(items + work_items - 1) / work_items, at_least, std::int64_t{1}});
}

void LaunchBuilder::call(const Call& work) {
  if (measuring_) return;
  work(queue());
  append(work);
}

cl::CommandQueue& LaunchBuilder::queue() const { return state_.device.compute_queue(); }

void LaunchBuilder::add_program(std::string_view file, const Defines& defines) {
  state_.programs.emplace_back(file, defines.options());
}

cl::Kernel LaunchBuilder::find_kernel(std::string_view file, const Defines& defines,
                                      const std::string& kernel) {
  return state_.device.programs().kernel(file, defines, kernel);
}

cl::Device& LaunchBuilder::cl_device() const { return state_.device.cl_device(); }

void LaunchBuilder::append(std::variant<Launch, Call> work) {
  state_.steps.push_back({id(), std::move(work), prepacking_ || state_.plan.runs_once(id())});
}

Prepacking::Prepacking(LaunchBuilder& builder, std::initializer_list<std::size_t> inputs)
    : builder_(builder) {
  builder.prepacking_ = std::all_of(inputs.begin(), inputs.end(), [&](std::size_t i) {
    return builder.state_.plan.is_fixed(builder.node().inputs.at(i));
  });
}

}  // namespace tessera::opencl

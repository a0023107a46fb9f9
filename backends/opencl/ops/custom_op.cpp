// Custom ops: a program's own kernels as launches.
#include "tessera/custom_op.h"

#include <algorithm>

#include "backends/opencl/lowering/algorithm.h"
#include "engine/graph/custom_node.h"

namespace tessera::opencl {
namespace {

std::string refuse(const DeviceNode& l) {
  return l.node().op->custom->definition().opencl ? "" : "the op has no kernels for OpenCL devices";
}

/// Throws Error when there are only `count` tensors of the kind.
std::size_t checked_index(const DeviceNode& l, const KernelLaunch& launch, const char* kind,
                          std::size_t index, std::size_t count) {
  if (index >= count)
    throw Error(std::string(l.node().op->name),
                fmt::format("kernel '{}' is given {} {}, the node has {} (node '{}')",
                            launch.kernel, kind, index, count, l.node().name));
  return index;
}

ArgumentList arguments(LaunchBuilder& l, const KernelLaunch& launch) {
  struct Bind {
    LaunchBuilder& l;
    const KernelLaunch& launch;
    ArgumentList::value_type operator()(InputBuffer b) const {
      return l.input(checked_index(l, launch, "input", b.index, l.input_count()));
    }
    ArgumentList::value_type operator()(OutputBuffer b) const {
      return l.output(checked_index(l, launch, "output", b.index, l.output_count()));
    }
    ArgumentList::value_type operator()(std::int64_t number) const { return l.to_int(number); }
    ArgumentList::value_type operator()(double number) const {
      return static_cast<cl_float>(number);
    }
  };
  ArgumentList list;
  for (const KernelArgument& argument : launch.arguments)
    list.push_back(std::visit(Bind{l, launch}, argument));
  return list;
}

std::array<std::size_t, 3> group_of(const DeviceNode& l, const KernelLaunch& launch) {
  std::array<std::size_t, 3> group = launch.local;
  if (group == std::array<std::size_t, 3>{}) group[0] = l.traits().work_group;
  for (std::size_t& size : group) size = std::max<std::size_t>(size, 1);
  return group;
}

void lower(LaunchBuilder& l) {
  const CustomOpDefinition& op = l.node().op->custom->definition();
  const std::string file = "custom/" + op.name + ".cl";
  l.add_kernel_file(file, op.opencl->source);
  for (const KernelLaunch& launch : op.opencl->launches(custom_node(l.graph(), l.node()))) {
    Defines defines;
    for (const auto& [name, value] : launch.macros) defines.set(name, value);
    l.launch(file, defines, launch.kernel, {launch.global, group_of(l, launch)},
             arguments(l, launch));
  }
}

}  // namespace

Algorithm custom_op_algorithm() { return long_offsets({"custom", refuse, lower}); }

}  // namespace tessera::opencl

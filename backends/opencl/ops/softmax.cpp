// Softmax, its logarithm and their gradients: a kernel for each, for a row in a work-group and for
// a row in a work-item.
#include "backends/opencl/lowering/algorithm.h"

namespace tessera::opencl {
namespace {

std::int64_t rows(const DeviceNode& l) {
  const std::int64_t elements = l.elements(l.output_spec(0)), K = l.output_spec(0).dim(-1);
  return K == 0 ? 0 : elements / K;
}

cl_int length(const DeviceNode& l) { return l.to_int(l.output_spec(0).dim(-1)); }

std::string group_refusal(const DeviceNode& l) {
  if (l.traits().is_cpu) return "made for devices with local memory of their own";
  constexpr std::int64_t least = 8;  // of shorter rows neighbors share what they load
  return length(l) < least ? fmt::format("rows have fewer than {} numbers", least) : "";
}

void lower_group(LaunchBuilder& l) {
  const std::size_t local = l.traits().work_group;
  const Range range = {{static_cast<std::size_t>(rows(l)) * local, 1, 1}, {local, 1, 1}};
  const std::string kernel(l.node().op->name);
  if (l.input_count() == 1)
    l.launch("softmax_group.cl", l.defines(), kernel, range, l.input(0), l.output(0), length(l));
  else
    l.launch("softmax_group.cl", l.defines(), kernel, range, l.input(0), l.input(1), l.output(0),
             length(l));
}

void lower_rows(LaunchBuilder& l) {
  const std::string kernel(l.node().op->name);
  if (l.input_count() == 1)
    l.launch_items("softmax.cl", l.defines(), kernel, rows(l), 4, l.input(0), l.output(0),
                   length(l));
  else
    l.launch_items("softmax.cl", l.defines(), kernel, rows(l), 4, l.input(0), l.input(1),
                   l.output(0), length(l));
}

}  // namespace

std::vector<OpAlgorithms> softmax_algorithms() {
  const std::vector<Algorithm> algorithms = {{"group", group_refusal, lower_group},
                                             {"rows", nullptr, lower_rows}};
  return {{"softmax", algorithms},
          {"softmax_dx", algorithms},
          {"log_softmax", algorithms},
          {"log_softmax_dx", algorithms}};
}

}  // namespace tessera::opencl

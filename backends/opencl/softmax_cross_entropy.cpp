// Softmax with cross entropy, and its gradient.
#include "backends/opencl/lowering.h"

namespace tessera::opencl {
namespace {

void lower(Lowering& l) {
  const Shape& rows = l.input_spec(0).shape;
  const cl::Buffer losses = l.workspace(static_cast<std::size_t>(rows[0]) * sizeof(float));
  l.launch_items("softmax_cross_entropy.cl", l.defines(), "softmax_rows", rows[0], 4, l.input(0),
                 l.input(1), l.output(1), losses, l.to_int(rows[1]));
  l.launch("softmax_cross_entropy.cl", l.defines(), "loss_mean",
           {{1, 1, 1}, {l.traits().work_group, 1, 1}}, losses, l.output(0), l.to_int(rows[0]));
}

void lower_dx(Lowering& l) {
  const Shape& rows = l.input_spec(0).shape;
  l.launch_items("softmax_cross_entropy.cl", l.defines(), "softmax_cross_entropy_dx", rows[0], 4,
                 l.input(0), l.input(1), l.input(2), l.output(0), l.to_int(rows[1]),
                 l.to_int(rows[0]));
}

}  // namespace

std::vector<OpLowering> softmax_cross_entropy_lowerings() {
  return {{"softmax_cross_entropy", {{"rows", never_refuses, lower}}},
          {"softmax_cross_entropy_dx", {{"rows", never_refuses, lower_dx}}}};
}

}  // namespace tessera::opencl

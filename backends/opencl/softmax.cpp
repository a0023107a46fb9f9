// Softmax, its logarithm and their gradients: a kernel for each.
#include "backends/opencl/lowering.h"

namespace tessera::opencl {
namespace {

void lower(Lowering& l) {
  const std::int64_t elements = l.elements(l.output_spec(0)), K = l.output_spec(0).dim(-1);
  const std::int64_t rows = K == 0 ? 0 : elements / K;
  const std::string kernel(l.node().op->name);
  if (l.input_count() == 1)
    l.launch_items("softmax.cl", l.defines(), kernel, rows, 4, l.input(0), l.output(0),
                   l.to_int(K));
  else
    l.launch_items("softmax.cl", l.defines(), kernel, rows, 4, l.input(0), l.input(1), l.output(0),
                   l.to_int(K));
}

}  // namespace

std::vector<OpLowering> softmax_lowerings() {
  const std::vector<Algorithm> rows = {{"rows", never_refuses, lower}};
  return {{"softmax", rows}, {"softmax_dx", rows}, {"log_softmax", rows}, {"log_softmax_dx", rows}};
}

}  // namespace tessera::opencl

// Activations and their gradients: one row each here and in cl_kernels/activation.cl.
#include "backends/opencl/lowering.h"

namespace tessera::opencl {
namespace {

void lower(Lowering& l) {
  const std::int64_t elements = l.output_spec(0).elements();
  const std::int64_t items = (elements + l.width() - 1) / l.width();
  const std::string kernel(l.node().op->name);
  if (l.input_count() == 1)
    l.launch_items("activation.cl", l.defines(), kernel, items, 64, l.input(0), l.output(0),
                   l.to_int(elements));
  else
    l.launch_items("activation.cl", l.defines(), kernel, items, 64, l.input(0), l.input(1),
                   l.output(0), l.to_int(elements));
}

}  // namespace

std::vector<OpLowering> activation_lowerings() {
  const std::vector<Algorithm> vectors = {{"vectors", never_refuses, lower}};
  return {{"relu", vectors}, {"relu_dx", vectors}};
}

}  // namespace tessera::opencl

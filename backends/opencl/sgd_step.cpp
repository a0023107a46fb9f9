// The step of stochastic gradient descent, in place.
#include "backends/opencl/lowering.h"

namespace tessera::opencl {
namespace {

void lower(Lowering& l) {
  const std::int64_t elements = l.output_spec(0).elements();
  l.launch_items("sgd_step.cl", l.defines(), "sgd_step", (elements + l.width() - 1) / l.width(), 64,
                 l.input(0), l.input(1), l.input(2), l.input(3),
                 static_cast<cl_float>(l.attributes().number("momentum")), l.to_int(elements));
}

}  // namespace

std::vector<OpLowering> sgd_step_lowerings() {
  return {{"sgd_step", {{"vectors", never_refuses, lower}}}};
}

}  // namespace tessera::opencl

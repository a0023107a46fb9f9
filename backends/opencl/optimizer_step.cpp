// Steps of optimisers, in place: a kernel for each formula of cl_kernels/optimizer_step.h.
#include "engine/ops/optimizer_step.h"

#include "backends/opencl/lowering.h"
#include "cl_kernels/optimizer_step.h"

namespace tessera::opencl {
namespace {

template <std::size_t states>
void lower(Lowering& l) {
  const std::int64_t elements = l.output_spec(0).elements();
  const std::string op(l.node().op->name);
  l.launch_items("optimizer_step.cl", l.defines(), op, (elements + l.width() - 1) / l.width(), 64,
                 l.input(0), l.input(1), states > 0 ? l.input(2) : l.unused(),
                 states > 1 ? l.input(3) : l.unused(), l.input(2 + states),
                 3 + states < l.input_count() ? l.input(3 + states) : l.unused(),
                 l.table(optimizer_constants(op, l.attributes())), l.to_int(elements));
}

}  // namespace

std::vector<OpLowering> optimizer_step_lowerings() {
#define STEP(NAME, STATES, ...) {#NAME, {{"vectors", never_refuses, lower<STATES>}}},
  return {OPTIMIZER_STEPS(STEP)};
#undef STEP
}

}  // namespace tessera::opencl

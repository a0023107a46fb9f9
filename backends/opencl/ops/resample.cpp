// Resampling along one axis and its gradient, which differ in the tables of taps only.
#include "engine/ops/resample.h"

#include "backends/opencl/lowering/algorithm.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/resample_params.h"

void lower(LaunchBuilder& l) {
  const Resampling r = resampling(l.node().op->name == "resample_dx", l.input_spec(0).shape,
                                  l.output_spec(0).shape, l.attributes());
  l.elements(l.input_spec(0));
  l.elements(l.output_spec(0));
  const std::int64_t vectors = (r.inner + l.width() - 1) / l.width();
  l.launch_items(
      "resample.cl", l.defines(), "resample", r.outer * r.out * vectors, 16, l.input(0),
      l.output(0), l.table(r.first), l.table(r.index), l.table(r.weight),
      ResampleParams{.in = l.to_int(r.in), .out = l.to_int(r.out), .inner = l.to_int(r.inner)});
}

}  // namespace

std::vector<OpAlgorithms> resample_algorithms() {
  const std::vector<Algorithm> taps = {{"taps", nullptr, lower}};
  return {{"resample", taps}, {"resample_dx", taps}};
}

}  // namespace tessera::opencl

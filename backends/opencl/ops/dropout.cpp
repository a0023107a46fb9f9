// Dropout: a block of the generator for every four elements.
#include "engine/ops/dropout.h"

#include "backends/opencl/lowering/algorithm.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/dropout_params.h"

void lower(LaunchBuilder& l) {
  const DropoutMask mask = dropout_mask(l.attributes());
  const cl_int elements = l.elements(l.output_spec(0));
  l.launch_items("dropout.cl", l.defines(), "dropout", (std::int64_t{elements} + 3) / 4, 64,
                 l.input(0), l.input(1), l.output(0),
                 DropoutParams{.key0 = static_cast<cl_uint>(mask.key),
                               .key1 = static_cast<cl_uint>(mask.key >> 32),
                               .threshold = mask.threshold,
                               .scale = mask.scale,
                               .elements = elements});
}

}  // namespace

std::vector<OpAlgorithms> dropout_algorithms() {
  return {{"dropout", {{"philox", nullptr, lower}}}};
}

}  // namespace tessera::opencl

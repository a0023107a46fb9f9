// Filters that do the work of a batch norm.
#include "backends/opencl/lowering/algorithm.h"
#include "engine/ops/normalization.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/fold_batch_norm_params.h"

void lower(LaunchBuilder& l) {
  const BatchNormInputs inputs(l.input_count());
  const bool has_bias = inputs.residual > 0;  // the bias of the product stands in its place
  const std::int64_t K = l.output_spec(1).elements();
  const std::int64_t length = K == 0 ? 0 : l.output_spec(0).elements() / K;
  const cl::Buffer none = l.unused();
  l.launch_items("fold_batch_norm.cl", l.defines(), "fold_batch_norm",
                 K * std::max<std::int64_t>(1, length), 1024, l.input(0), l.input(1), l.input(2),
                 inputs.affine ? l.input(3) : none, inputs.affine ? l.input(4) : none,
                 has_bias ? l.input(inputs.residual) : none, l.output(0), l.output(1),
                 FoldBatchNormParams{.affine = inputs.affine,
                                     .has_bias = has_bias,
                                     .eps = static_cast<cl_float>(l.attributes().number("eps")),
                                     .length = l.to_int(length)});
}

}  // namespace

std::vector<OpAlgorithms> fold_batch_norm_algorithms() {
  return {{"fold_batch_norm", {{"elements", nullptr, lower}}}};
}

}  // namespace tessera::opencl

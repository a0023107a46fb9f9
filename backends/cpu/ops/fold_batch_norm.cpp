// Filters that do the work of a batch norm.
#include <cmath>

#include "backends/cpu/lowering/variant.h"
#include "engine/ops/normalization.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

Step lower(const BoundNode& node) {
  const BatchNormInputs inputs(node.input_count());
  const float *w = node.input(0), *mean = node.input(1), *var = node.input(2);
  const float* gamma = inputs.affine ? node.input(3) : nullptr;
  const float* beta = inputs.affine ? node.input(4) : nullptr;
  // The bias of the product stands where a batch norm has its residual.
  const float* b = inputs.residual > 0 ? node.input(inputs.residual) : nullptr;
  float *folded = node.output(0), *bias = node.output(1);
  const auto eps = static_cast<float>(node.attributes().number("eps"));
  const std::int64_t K = node.output_spec(1).elements();
  const std::int64_t length = K == 0 ? 0 : node.output_spec(0).elements() / K;
  const std::int64_t chunks = chunk_count(K, 10 + 0.2 * static_cast<double>(length));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(K, chunks, chunk, 16);
      for (std::int64_t k = range.begin; k < range.end; ++k) {
        const float scale = (gamma ? gamma[k] : 1) / std::sqrt(var[k] + eps);
        for (std::int64_t i = k * length; i < (k + 1) * length; ++i) folded[i] = w[i] * scale;
        bias[k] = ((b ? b[k] : 0) - mean[k]) * scale + (beta ? beta[k] : 0);
      }
    });
  }};
}

}  // namespace

std::vector<OpAlgorithms> fold_batch_norm_algorithms() {
  return {{"fold_batch_norm", {{"rows", nullptr, lower}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE

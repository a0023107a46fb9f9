// Resampling along one axis and its gradient: rows of the inner dimensions, added up with weights.
#include "engine/ops/resample.h"

#include "backends/cpu/lowering/variant.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

Step lower(const BoundNode& node) {
  const float* x = node.input(0);
  float* y = node.output(0);
  Resampling r = resampling(node.op_name() == "resample_dx", node.input_spec(0).shape,
                            node.output_spec(0).shape, node.attributes());
  const std::int64_t rows = r.outer * r.out;
  const std::int64_t chunks = chunk_count(rows, 10 + 0.2 * static_cast<double>(r.inner));
  return {[=, r = std::move(r)](const StepContext& context) {
    context.pool.for_each(chunks, [&](std::int64_t chunk, int) {
      const Range range = chunk_range(rows, chunks, chunk);
      for (std::int64_t row = range.begin; row < range.end; ++row) {
        const auto j = static_cast<std::size_t>(row % r.out);
        float* to = y + row * r.inner;
        std::fill_n(to, r.inner, 0.0f);
        for (auto t = static_cast<std::size_t>(r.first[j]);
             t < static_cast<std::size_t>(r.first[j + 1]); ++t) {
          const float* from = x + (row / r.out * r.in + r.index[t]) * r.inner;
          const float weight = r.weight[t];
          for (std::int64_t c = 0; c < r.inner; ++c) to[c] += weight * from[c];
        }
      }
    });
  }};
}

}  // namespace

std::vector<OpAlgorithms> resample_algorithms() {
  const std::vector<Algorithm> rows = {{"rows", nullptr, lower}};
  return {{"resample", rows}, {"resample_dx", rows}};
}

}  // namespace TESSERA_CPU_NAMESPACE

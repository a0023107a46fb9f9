// Elements chosen by indices. The gradient is added up in the order of the indices; threads share
// out what they write, so each looks at every index.
#include "engine/ops/gather.h"

#include <limits>

#include "backends/cpu/lowering/variant.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

Step lower(const BoundNode& node) {
  const float* x = node.input(0);
  const auto* index = node.input<std::int32_t>(1);
  float* y = node.output(0);
  const GatherGeometry g = gather_geometry(node.op_name(), node.input_spec(0).shape,
                                           node.input_spec(1).shape, node.attributes());
  constexpr float nothing = std::numeric_limits<float>::quiet_NaN();
  const std::int64_t rows = g.outer * g.I;
  const std::int64_t chunks = chunk_count(rows, 5 + 0.5 * static_cast<double>(g.inner));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(rows, chunks, chunk);
      for (std::int64_t row = range.begin; row < range.end; ++row) {
        const std::int64_t outer = row / g.I;
        const std::int32_t* chosen = index + outer * g.outer_step + row % g.I * g.step;
        const float* from = x + outer * g.A * g.inner;
        float* to = y + row * g.inner;
        const auto exists = [&](std::int64_t a) { return a >= 0 && a < g.A; };
        if (g.inner_step == 1)
          for (std::int64_t n = 0; n < g.inner; ++n)
            to[n] = exists(chosen[n]) ? from[chosen[n] * g.inner + n] : nothing;
        else if (exists(*chosen))
          std::copy_n(from + *chosen * g.inner, g.inner, to);
        else
          std::fill_n(to, g.inner, nothing);
      }
    });
  }};
}

/// Rows `range` of one of `outer`: dx [A,inner] from dy [I,inner].
void add_rows(const GatherGeometry& g, const std::int32_t* index, const float* dy, float* dx,
              Range range) {
  std::fill(dx + range.begin * g.inner, dx + range.end * g.inner, 0.0f);
  for (std::int64_t i = 0; i < g.I; ++i, index += g.step, dy += g.inner) {
    if (g.inner_step == 0) {
      if (*index < range.begin || *index >= range.end) continue;
      float* to = dx + *index * g.inner;
      for (std::int64_t n = 0; n < g.inner; ++n) to[n] += dy[n];
    } else {
      for (std::int64_t n = 0; n < g.inner; ++n)
        if (index[n] >= range.begin && index[n] < range.end) dx[index[n] * g.inner + n] += dy[n];
    }
  }
}

Step lower_dx(const BoundNode& node) {
  const auto* index = node.input<std::int32_t>(0);
  const float* dy = node.input(1);
  float* dx = node.output(0);
  const GatherGeometry g = gather_geometry(node.op_name(), node.output_spec(0).shape,
                                           node.input_spec(0).shape, node.attributes());
  const double each = 0.5 * static_cast<double>((g.A + g.I) * g.inner);
  const std::int64_t most = std::max<std::int64_t>(1, g.A);
  const std::int64_t blocks =
      g.outer == 1 ? std::min(most, chunk_count(most, each / static_cast<double>(most))) : 1;
  const std::int64_t items = g.outer * blocks;
  const std::int64_t chunks = chunk_count(items, each / static_cast<double>(blocks));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(items, chunks, chunk);
      for (std::int64_t item = range.begin; item < range.end; ++item) {
        const std::int64_t outer = item / blocks;
        add_rows(g, index + outer * g.outer_step, dy + outer * g.I * g.inner,
                 dx + outer * g.A * g.inner, chunk_range(g.A, blocks, item % blocks));
      }
    });
  }};
}

Step lower_one_hot(const BoundNode& node) {
  const auto* index = node.input<std::int32_t>(0);
  float* y = node.output(0);
  const std::int64_t rows = node.input_spec(0).elements(), K = node.output_spec(0).dim(-1);
  const std::int64_t chunks = chunk_count(rows, 5 + 0.1 * static_cast<double>(K));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(rows, chunks, chunk);
      std::fill(y + range.begin * K, y + range.end * K, 0.0f);
      for (std::int64_t row = range.begin; row < range.end; ++row)
        if (index[row] >= 0 && index[row] < K) y[row * K + index[row]] = 1;
    });
  }};
}

}  // namespace

std::vector<OpAlgorithms> gather_algorithms() {
  return {{"gather", {{"rows", nullptr, lower}}},
          {"gather_dx", {{"blocks", nullptr, lower_dx}}},
          {"take", {{"rows", nullptr, lower}}},
          {"take_dx", {{"blocks", nullptr, lower_dx}}},
          {"one_hot", {{"rows", nullptr, lower_one_hot}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE

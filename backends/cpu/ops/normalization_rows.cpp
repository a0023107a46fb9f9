// Normalization of samples that are a single row, as in layer norm: a row stays in the cache while
// it is looked at three times.
#include <array>

#include "backends/cpu/ops/normalization.h"
#include "backends/cpu/ops/simd.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

/// Read through a tail: 0 in the lanes that are not there.
constexpr auto ones = [] {
  std::array<float, lanes> values{};
  values.fill(1);
  return values;
}();

/// The sum over a row of f(i, access), where f gives 0 in lanes that are not there.
template <typename Function>
float row_sum(std::int64_t count, const Tail& tail, const Function& f) {
  Vec total{};
  for_vectors(count, tail, [&](std::int64_t i, const auto& access) { total += f(i, access); });
  return sum(total);
}

}  // namespace

std::string refuse_rows(const DeviceNode& node) {
  const auto g = normalization_geometry(node.input_spec(0), node.attributes());
  return g.L == 1 && g.D > 1 ? "" : "a sample is not one row";
}

Step lower_rows(const BoundNode& node) {
  const float *x = node.input(0), *w = node.optional_input(1), *b = node.optional_input(2);
  float *y = node.output(0), *mean = node.output(1), *rstd = node.output(2);
  const auto g = normalization_geometry(node.input_spec(0), node.attributes());
  const double eps = node.attributes().number("eps");
  const std::int64_t rows = g.N * g.G, D = g.D;
  const std::int64_t chunks = chunk_count(rows, 20 + 0.2 * static_cast<double>(D));
  const auto run_row = [=](std::int64_t row, const Tail& tail) {
    const float* from = x + row * D;
    const float scale = 1 / static_cast<float>(D);
    const float middle = scale * row_sum(D, tail, [&](std::int64_t i, const auto& access) {
                           return access.load(from + i);
                         });
    const float m2 = row_sum(D, tail, [&](std::int64_t i, const auto& access) {
      const Vec v = (access.load(from + i) - broadcast(middle)) * access.load(ones.data());
      return v * v;
    });
    mean[row] = middle;
    rstd[row] = rstd_of(double{m2 * scale}, eps);
    const Vec center = broadcast(middle), factor = broadcast(rstd[row]);
    const std::int64_t first = row % g.G * D;
    for_vectors(D, tail, [&](std::int64_t i, const auto& access) {
      const Vec xhat = (access.load(from + i) - center) * factor;
      access.store(y + row * D + i,
                   w ? xhat * access.load(w + first + i) + access.load(b + first + i) : xhat);
    });
  };
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [&](std::int64_t chunk, int) {
      const Tail tail(D % lanes);
      const Range range = chunk_range(rows, chunks, chunk);
      for (std::int64_t row = range.begin; row < range.end; ++row) run_row(row, tail);
    });
  }};
}

Step lower_dx_rows(const BoundNode& node) {
  const NormalizationGradient o(node);
  const auto g = normalization_geometry(node.input_spec(0), node.attributes());
  const std::int64_t D = g.D, C = g.C();
  const std::int64_t chunks = chunk_count(g.N, 20 + 0.4 * static_cast<double>(C));
  const auto run_row = [=](std::int64_t row, const Tail& tail, float* sums) {
    const float *x = o.x + row * D, *dy = o.dy + row * D;
    const std::int64_t first = row % g.G * D;
    const float rstd = o.rstd[row];
    const Vec center = broadcast(o.mean[row]), factor = broadcast(rstd);
    const auto weighted = [&](std::int64_t i, const auto& access) {
      return o.w ? access.load(dy + i) * access.load(o.w + first + i) : access.load(dy + i);
    };
    const float total = row_sum(D, tail, weighted);
    const float products = row_sum(D, tail, [&](std::int64_t i, const auto& access) {
      return weighted(i, access) * (access.load(x + i) - center);
    });
    const float scale = o.constant ? 0 : rstd / static_cast<float>(D);
    const Vec q = broadcast(scale * rstd * rstd * products), r = broadcast(scale * total);
    float *dw = sums + first, *db = dw + C;
    for_vectors(D, tail, [&](std::int64_t i, const auto& access) {
      const Vec centered = access.load(x + i) - center;
      access.store(o.dx + row * D + i, weighted(i, access) * factor - centered * q - r);
      access.store(dw + i, access.load(dw + i) + access.load(dy + i) * centered * factor);
      access.store(db + i, access.load(db + i) + access.load(dy + i));
    });
  };
  const auto run = [=](const StepContext& context) {
    context.pool.for_each(chunks, [&](std::int64_t chunk, int) {
      const Tail tail(D % lanes);
      const Range range = chunk_range(g.N, chunks, chunk);
      float* sums = context.floats() + chunk * 2 * C;
      std::fill_n(sums, 2 * C, 0.0f);
      for (std::int64_t row = range.begin * g.G; row < range.end * g.G; ++row)
        run_row(row, tail, sums);
    });
    add_sums(context.floats(), chunks, C, o, context.pool);
  };
  return {run, static_cast<std::size_t>(chunks * 2 * C) * sizeof(float)};
}

}  // namespace TESSERA_CPU_NAMESPACE

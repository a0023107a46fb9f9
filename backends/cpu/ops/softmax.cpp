// Softmax, its logarithm and their gradients, row by row.
#include <cmath>

#include "backends/cpu/lowering/variant.h"
#include "backends/cpu/ops/softmax_row.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

struct Rows {
  std::int64_t count, K;
};

Rows rows_of(const BoundNode& node) {
  const TensorSpec& y = node.output_spec(0);
  const std::int64_t K = y.dim(-1);
  return {K == 0 ? 0 : y.elements() / K, K};
}

/// f(first element of a row) for each row.
template <typename Function>
Step for_rows(const Rows& rows, double ns_per_element, const Function& f) {
  const std::int64_t chunks =
      chunk_count(rows.count, 20 + ns_per_element * static_cast<double>(rows.K));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(rows.count, chunks, chunk);
      for (std::int64_t row = range.begin; row < range.end; ++row) f(row * rows.K);
    });
  }};
}

Step lower(const BoundNode& node) {
  const float* x = node.input(0);
  float* y = node.output(0);
  const Rows rows = rows_of(node);
  return for_rows(rows, 1, [=](std::int64_t at) { softmax_row(x + at, rows.K, y + at); });
}

Step lower_log(const BoundNode& node) {
  const float* x = node.input(0);
  float* y = node.output(0);
  const Rows rows = rows_of(node);
  return for_rows(rows, 1, [=](std::int64_t at) {
    const RowSum sum = exp_row(x + at, rows.K, y + at);
    const float log_total = std::log(sum.total);
    for (std::int64_t i = at; i < at + rows.K; ++i) y[i] = (x[i] - sum.largest) - log_total;
  });
}

Step lower_dx(const BoundNode& node) {
  const float *y = node.input(0), *dy = node.input(1);
  float* dx = node.output(0);
  const Rows rows = rows_of(node);
  return for_rows(rows, 0.3, [=](std::int64_t at) {
    const Tail tail(rows.K % lanes);
    Vec total{};
    for_vectors(rows.K, tail, [&](std::int64_t k, const auto& access) {
      total += access.load(dy + at + k) * access.load(y + at + k);
    });
    const Vec middle = broadcast(sum(total));
    for_vectors(rows.K, tail, [&](std::int64_t k, const auto& access) {
      access.store(dx + at + k, (access.load(dy + at + k) - middle) * access.load(y + at + k));
    });
  });
}

Step lower_log_dx(const BoundNode& node) {
  const float *y = node.input(0), *dy = node.input(1);
  float* dx = node.output(0);
  const Rows rows = rows_of(node);
  return for_rows(rows, 1, [=](std::int64_t at) {
    const Tail tail(rows.K % lanes);
    Vec total{};
    for_vectors(rows.K, tail,
                [&](std::int64_t k, const auto& access) { total += access.load(dy + at + k); });
    const Vec factor = broadcast(sum(total));
    for_vectors(rows.K, tail, [&](std::int64_t k, const auto& access) {
      access.store(dx + at + k, access.load(dy + at + k) - exp(access.load(y + at + k)) * factor);
    });
  });
}

}  // namespace

std::vector<OpAlgorithms> softmax_algorithms() {
  return {{"softmax", {{"rows", nullptr, lower}}},
          {"softmax_dx", {{"rows", nullptr, lower_dx}}},
          {"log_softmax", {{"rows", nullptr, lower_log}}},
          {"log_softmax_dx", {{"rows", nullptr, lower_log_dx}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE

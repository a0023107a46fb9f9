// The softmax of one row, for softmax and for the losses that are made of it.
#pragma once

#include "backends/cpu/ops/vector_math.h"

namespace TESSERA_CPU_NAMESPACE {

/// Of K >= 1 numbers; where there is NaN, any of them.
inline float largest_of(const float* x, std::int64_t K) {
  float largest = x[0];
  if (K >= lanes) {
    Vec all = load(x);
    const auto look = [&](const float* at) {
      const Vec v = load(at);
      all = v > all ? v : all;
    };
    for (std::int64_t k = lanes; k + lanes <= K; k += lanes) look(x + k);
    look(x + K - lanes);
    for (int lane = 0; lane < lanes; ++lane) largest = std::max(largest, all[lane]);
  } else {
    for (std::int64_t k = 1; k < K; ++k) largest = std::max(largest, x[k]);
  }
  return largest;
}

struct RowSum {
  float largest, total;
};

/// y = exp(x - largest), and the sum of these.
inline RowSum exp_row(const float* x, std::int64_t K, float* y) {
  const float largest = largest_of(x, K);
  const Vec middle = broadcast(largest);
  const Tail tail(K % lanes);
  for_vectors(K, tail, [&](std::int64_t k, const auto& access) {
    access.store(y + k, exp(access.load(x + k) - middle));
  });
  Vec total{};
  for_vectors(K, tail, [&](std::int64_t k, const auto& access) { total += access.load(y + k); });
  return {largest, sum(total)};
}

/// Writes the softmax.
inline RowSum softmax_row(const float* x, std::int64_t K, float* y) {
  const RowSum sum = exp_row(x, K, y);
  const float scale = 1 / sum.total;
  for (std::int64_t k = 0; k < K; ++k) y[k] *= scale;
  return sum;
}

}  // namespace TESSERA_CPU_NAMESPACE

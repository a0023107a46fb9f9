// softmax_cross_entropy and its gradient, row by row.
#include <cmath>
#include <limits>

#include "backends/cpu/variant.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

/// Writes the softmax of a row and returns -log softmax[label], NaN for a label that does not
/// exist.
float softmax_row(const float* logits, std::int32_t label, std::int64_t K, float* probabilities) {
  float largest = logits[0];
  for (std::int64_t k = 1; k < K; ++k) largest = std::max(largest, logits[k]);
  float total = 0;
  for (std::int64_t k = 0; k < K; ++k) {
    probabilities[k] = std::exp(logits[k] - largest);
    total += probabilities[k];
  }
  const float scale = 1 / total;
  for (std::int64_t k = 0; k < K; ++k) probabilities[k] *= scale;
  if (label < 0 || label >= K) return std::numeric_limits<float>::quiet_NaN();
  return std::log(total) - (logits[label] - largest);
}

Step prepare(const NodeContext& node) {
  const float* logits = node.input(0);
  const auto* labels = node.input<std::int32_t>(1);
  float* loss = node.output(0);
  float* probabilities = node.output(1);
  const std::int64_t N = node.input_spec(0).shape[0], K = node.input_spec(0).shape[1];
  const std::int64_t chunks = chunk_count(N, 20 + 8 * static_cast<double>(K));
  const auto run = [=](const StepContext& context) {
    float* losses = context.floats();
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(N, chunks, chunk);
      for (std::int64_t n = range.begin; n < range.end; ++n)
        losses[n] = softmax_row(logits + n * K, labels[n], K, probabilities + n * K);
    });
    double sum = 0;
    for (std::int64_t n = 0; n < N; ++n) sum += losses[n];
    *loss = static_cast<float>(sum / static_cast<double>(N));
  };
  return {run, static_cast<std::size_t>(N) * sizeof(float)};
}

Step prepare_dx(const NodeContext& node) {
  const float* probabilities = node.input(0);
  const auto* labels = node.input<std::int32_t>(1);
  const float* dloss = node.input(2);
  float* dx = node.output(0);
  const std::int64_t N = node.input_spec(0).shape[0], K = node.input_spec(0).shape[1];
  const std::int64_t chunks = chunk_count(N, 5 + 0.2 * static_cast<double>(K));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const float scale = *dloss / static_cast<float>(N);
      const Range range = chunk_range(N, chunks, chunk);
      for (std::int64_t n = range.begin; n < range.end; ++n) {
        for (std::int64_t k = 0; k < K; ++k) dx[n * K + k] = probabilities[n * K + k] * scale;
        if (labels[n] >= 0 && labels[n] < K) dx[n * K + labels[n]] -= scale;
      }
    });
  }};
}

}  // namespace

std::vector<Lowering> softmax_cross_entropy_lowerings() {
  return {{"softmax_cross_entropy", {{"rows", nullptr, prepare}}},
          {"softmax_cross_entropy_dx", {{"rows", nullptr, prepare_dx}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE

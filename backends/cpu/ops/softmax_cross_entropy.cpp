// softmax_cross_entropy and cross_entropy and their gradients, row by row.
#include <cmath>
#include <limits>
#include <tuple>

#include "backends/cpu/lowering/variant.h"
#include "backends/cpu/ops/softmax_row.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

/// -log softmax[k] of a row.
struct MinusLog {
  float largest, log_total;
  explicit MinusLog(const RowSum& row) : largest(row.largest), log_total(std::log(row.total)) {}
  float operator()(float logit) const { return log_total - (logit - largest); }
};

/// The loss of a row; NaN for a label that does not exist.
float loss_row(const float* logits, std::int32_t label, std::int64_t K, float* probabilities) {
  const MinusLog minus_log(softmax_row(logits, K, probabilities));
  if (label < 0 || label >= K) return std::numeric_limits<float>::quiet_NaN();
  return minus_log(logits[label]);
}

/// dx of a row; it may be where the probabilities are.
void dx_row(const float* probabilities, std::int32_t label, float scale, std::int64_t K,
            float* dx) {
  for (std::int64_t k = 0; k < K; ++k) dx[k] = probabilities[k] * scale;
  if (label >= 0 && label < K) dx[label] -= scale;
}

/// `with_dx`: output 1 is the gradient, else the probabilities.
template <bool with_dx>
Step lower(const BoundNode& node) {
  const float* logits = node.input(0);
  const auto* labels = node.input<std::int32_t>(1);
  const float* dloss = with_dx ? node.input(2) : nullptr;
  float* loss = node.output(0);
  float* y = node.output(1);
  const std::int64_t N = node.input_spec(0).shape[0], K = node.input_spec(0).shape[1];
  const std::int64_t chunks = chunk_count(N, 20 + 8 * static_cast<double>(K));
  const auto run = [=](const StepContext& context) {
    float* losses = context.floats();
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(N, chunks, chunk);
      for (std::int64_t n = range.begin; n < range.end; ++n) {
        losses[n] = loss_row(logits + n * K, labels[n], K, y + n * K);
        if constexpr (with_dx)
          dx_row(y + n * K, labels[n], *dloss / static_cast<float>(N), K, y + n * K);
      }
    });
    double sum = 0;
    for (std::int64_t n = 0; n < N; ++n) sum += losses[n];
    *loss = static_cast<float>(sum / static_cast<double>(N));
  };
  return {run, static_cast<std::size_t>(N) * sizeof(float)};
}

Step lower_dx(const BoundNode& node) {
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
      for (std::int64_t n = range.begin; n < range.end; ++n)
        dx_row(probabilities + n * K, labels[n], scale, K, dx + n * K);
    });
  }};
}

/// cross_entropy's attributes. The loss of a row is the sum over k of -share(k) * log p[k].
struct Targets {
  std::int64_t N, K;
  const std::int32_t* labels;  ///< or
  const float* targets;
  std::vector<float> weights;
  float smoothing;
  std::vector<std::int64_t> ignored;
  bool normalized, none, mean;

  explicit Targets(const BoundNode& node)
      : N(node.input_spec(0).shape[0]),
        K(node.input_spec(0).shape[1]),
        labels(node.input_spec(1).dtype == DType::i32 ? node.input<std::int32_t>(1) : nullptr),
        targets(labels ? nullptr : node.input(1)),
        weights(static_cast<std::size_t>(K), 1.0f),
        smoothing(static_cast<float>(node.attributes().number("label_smoothing"))),
        ignored(node.attributes().integers("ignore_index")),
        normalized(node.attributes().integer("normalized") == 1),
        none(node.attributes().text("reduction") == "none"),
        mean(node.attributes().text("reduction") == "mean") {
    const auto& given = node.attributes().numbers("weights");
    for (std::size_t k = 0; k < given.size(); ++k) weights[k] = static_cast<float>(given[k]);
  }

  bool ignores(std::int64_t n) const {
    return labels && !ignored.empty() && labels[n] == ignored.front();
  }
  bool exists(std::int64_t n) const { return !labels || (labels[n] >= 0 && labels[n] < K); }
  float weight(std::int64_t k) const { return weights[static_cast<std::size_t>(k)]; }
  float share(std::int64_t n, std::int64_t k) const {
    const float target = labels ? (labels[n] == k ? 1.0f : 0.0f) : targets[n * K + k];
    return weight(k) * ((1 - smoothing) * target + smoothing / static_cast<float>(K));
  }
  /// What a row adds to the divisor of the mean.
  float divisor(std::int64_t n) const { return labels ? weight(labels[n]) : 1; }
};

/// Of logarithms of probabilities; writes the probabilities.
RowSum probabilities_row(const float* logs, std::int64_t K, float* probabilities) {
  for (std::int64_t k = 0; k < K; ++k) probabilities[k] = std::exp(logs[k]);
  return {.largest = 0, .total = 1};
}

/// Loss and divisor of a row; writes its probabilities.
std::pair<float, float> general_row(const Targets& t, std::int64_t n, const float* logits,
                                    float* probabilities) {
  const std::int64_t K = t.K;
  const MinusLog minus_log(t.normalized ? probabilities_row(logits, K, probabilities)
                                        : softmax_row(logits, K, probabilities));
  if (t.ignores(n)) return {0.0f, 0.0f};
  if (!t.exists(n)) return {std::numeric_limits<float>::quiet_NaN(), 0.0f};
  float loss = 0;
  for (std::int64_t k = 0; k < K; ++k)
    if (const float share = t.share(n, k); share != 0) loss += share * minus_log(logits[k]);
  return {loss, t.divisor(n)};
}

Step lower_general(const BoundNode& node) {
  const Targets t(node);
  const float* logits = node.input(0);
  float *loss = node.output(0), *probabilities = node.output(1), *divisor = node.output(2);
  const std::int64_t chunks = chunk_count(t.N, 20 + 10 * static_cast<double>(t.K));
  const auto run = [=](const StepContext& context) {
    float *losses = t.none ? loss : context.floats(), *divisors = context.floats() + t.N;
    context.pool.for_each(chunks, [&](std::int64_t chunk, int) {
      const Range range = chunk_range(t.N, chunks, chunk);
      for (std::int64_t n = range.begin; n < range.end; ++n)
        std::tie(losses[n], divisors[n]) =
            general_row(t, n, logits + n * t.K, probabilities + n * t.K);
    });
    *divisor = 1;
    if (t.none) return;
    double sum = 0, total = 0;
    for (std::int64_t n = 0; n < t.N; ++n) sum += losses[n], total += divisors[n];
    if (t.mean) *divisor = static_cast<float>(total);
    *loss = static_cast<float>(t.mean ? sum / total : sum);
  };
  return {run, 2 * static_cast<std::size_t>(t.N) * sizeof(float)};
}

Step lower_general_gradient(const BoundNode& node) {
  const Targets t(node);
  const float *probabilities = node.input(0), *dloss = node.input(2), *divisor = node.input(3);
  float* dx = node.output(0);
  const bool of_targets = node.attributes().integer("input") == 1;
  const std::int64_t chunks = chunk_count(t.N, 5 + static_cast<double>(t.K));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [&](std::int64_t chunk, int) {
      const Range range = chunk_range(t.N, chunks, chunk);
      for (std::int64_t n = range.begin; n < range.end; ++n) {
        const float* p = probabilities + n * t.K;
        const float scale = dloss[t.none ? n : 0] / *divisor;
        float *to = dx + n * t.K, total = 0;
        if (!t.normalized)
          for (std::int64_t k = 0; k < t.K; ++k) total += t.share(n, k);
        for (std::int64_t k = 0; k < t.K; ++k)
          to[k] = scale * (of_targets ? (t.smoothing - 1) * t.weight(k) * std::log(p[k])
                                      : total * p[k] - t.share(n, k));
        if (t.ignores(n)) std::fill_n(to, t.K, 0.0f);
      }
    });
  }};
}

}  // namespace

std::vector<OpAlgorithms> softmax_cross_entropy_algorithms() {
  return {{"softmax_cross_entropy", {{"rows", nullptr, lower<false>}}},
          {"softmax_cross_entropy_and_dx", {{"rows", nullptr, lower<true>}}},
          {"softmax_cross_entropy_dx", {{"rows", nullptr, lower_dx}}},
          {"cross_entropy", {{"rows", nullptr, lower_general}}},
          {"cross_entropy_gradient", {{"rows", nullptr, lower_general_gradient}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE

// The loss of a classifier.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Tensors cross_entropy(const Tensors& inputs, std::int64_t) {
  const HostTensor &x = inputs[0], &labels = inputs[1];
  const std::int64_t N = x.spec.dim(0), K = x.spec.dim(1);
  HostTensor loss({DType::f32, {1}}), p(x.spec);
  for (std::int64_t n = 0; n < N; ++n) {
    double largest = -HUGE_VAL, total = 0;
    for (std::int64_t k = 0; k < K; ++k) largest = std::max(largest, x[n * K + k]);
    for (std::int64_t k = 0; k < K; ++k) total += std::exp(x[n * K + k] - largest);
    for (std::int64_t k = 0; k < K; ++k) p[n * K + k] = std::exp(x[n * K + k] - largest) / total;
    const auto label = static_cast<std::int64_t>(labels[n]);
    const bool known = label >= 0 && label < K;
    loss[0] += known ? std::log(total) + largest - x[n * K + label] : nan;
  }
  loss[0] /= static_cast<double>(N);
  return {loss, p};
}

Tensors cross_entropy_dx(const Tensors& inputs, std::int64_t) {
  const HostTensor& p = inputs[0];
  const std::int64_t N = p.spec.dim(0), K = p.spec.dim(1);
  HostTensor dx(p.spec);
  for (std::int64_t n = 0; n < N; ++n)
    for (std::int64_t k = 0; k < K; ++k) {
      const double one_hot = static_cast<std::int64_t>(inputs[1][n]) == k ? 1 : 0;
      dx[n * K + k] = (p[n * K + k] - one_hot) * inputs[2][0] / static_cast<double>(N);
    }
  return {dx};
}

Case loss_case(std::string name, std::int64_t N, std::int64_t K, Fill logits = uniform(-3, 3)) {
  Case c{"softmax_cross_entropy",
         std::move(name),
         {{"logits", {DType::f32, {N, K}}, std::move(logits)},
          {"labels", {DType::i32, {N}}, whole_numbers(0, static_cast<int>(K) - 1)}},
         {},
         cross_entropy};
  c.flops = 5 * static_cast<double>(N * K);
  // exp and log of devices are right to a few units in the last place, the logits up to 100 large.
  c.tolerance = c.gradient_tolerance = {1e-6, 3e-5};
  return c;
}

Case labels_case(std::string name, Fill labels) {
  Case c = loss_case(std::move(name), 6, 5);
  c.inputs[1].fill = std::move(labels);
  c.smooth = false;
  return c;
}

Case logits_case(std::string name, std::vector<double> logits) {
  Case c = loss_case(std::move(name), 3, 5, repeated(std::move(logits)));
  c.inputs[1].fill = repeated({1, 2, 4});
  c.smooth = false;
  return c;
}

Case dx_case(std::string name, std::int64_t N, std::int64_t K) {
  Case c{"softmax_cross_entropy_dx",
         std::move(name),
         {{"probabilities", {DType::f32, {N, K}}, uniform(0, 1)},
          {"labels", {DType::i32, {N}}, whole_numbers(0, static_cast<int>(K) - 1)},
          {"dloss", {DType::f32, {1}}}},
         {},
         cross_entropy_dx};
  c.flops = 3 * static_cast<double>(N * K);
  return c;
}

/// Loss and gradient at once.
Case both_case(Case c) {
  c.op = "softmax_cross_entropy_and_dx";
  c.name += ", and dx";
  c.inputs.emplace_back("dloss", TensorSpec{DType::f32, {1}});
  c.reference = [](const Tensors& inputs, std::int64_t every) {
    const Tensors forward = cross_entropy(inputs, every);
    return Tensors{forward[0], cross_entropy_dx({forward[1], inputs[1], inputs[2]}, every)[0]};
  };
  return c;
}

/// The attributes of cross_entropy, with targets or labels.
struct General {
  double smoothing = 0;
  std::vector<double> weights = {};
  std::vector<std::int64_t> ignored = {};
  const char* reduction = "mean";
  bool targets = false;
  bool normalized = false;

  Attributes attributes() const {
    return {{"label_smoothing", smoothing},
            {"weights", weights},
            {"ignore_index", ignored},
            {"normalized", std::int64_t{normalized}},
            {"reduction", std::string(reduction)}};
  }
};

/// Follows PyTorch's documentation: first each row's loss with its weight, then the reduction.
Tensors general(const Tensors& inputs, std::int64_t every, const General& g) {
  const HostTensor& labels = inputs[1];
  const std::int64_t N = inputs[0].spec.dim(0), K = inputs[0].spec.dim(1);
  HostTensor p = cross_entropy({inputs[0], HostTensor({DType::i32, {N}})}, every)[1];
  for (std::int64_t i = 0; g.normalized && i < p.size(); ++i) p[i] = std::exp(inputs[0][i]);
  const std::string reduction = g.reduction;
  HostTensor rows({DType::f32, {N}}), loss({DType::f32, {1}}), divisor({DType::f32, {1}});
  for (std::int64_t n = 0; n < N; ++n) {
    const auto label = g.targets ? -1 : static_cast<std::int64_t>(labels[n]);
    if (!g.targets && !g.ignored.empty() && label == g.ignored[0]) continue;
    for (std::int64_t k = 0; k < K; ++k) {
      const double weight = g.weights.empty() ? 1 : g.weights[static_cast<std::size_t>(k)];
      double target = g.targets ? labels[n * K + k] : (k == label ? 1 : 0);
      if (k == label) divisor[0] += weight;
      target = target * (1 - g.smoothing) + g.smoothing / static_cast<double>(K);
      rows[n] -= weight * target * std::log(p[n * K + k]);
    }
    if (g.targets) divisor[0] += 1;
    loss[0] += rows[n];
  }
  if (reduction != "mean") divisor[0] = 1;
  loss[0] /= divisor[0];
  return {reduction == "none" ? rows : loss, p, divisor};
}

Case general_case(std::string name, std::int64_t N, std::int64_t K, const General& g,
                  Fill labels = {}) {
  Case c = loss_case(std::move(name), N, K);
  c.op = "cross_entropy";
  if (g.targets) c.inputs[1] = {"targets", {DType::f32, {N, K}}, uniform(0.1, 1)};
  if (labels) c.inputs[1].fill = std::move(labels);
  c.attributes = g.attributes();
  c.reference = [g](const Tensors& inputs, std::int64_t every) {
    return general(inputs, every, g);
  };
  return c;
}

}  // namespace

/// So many rows that plain sums of their losses lose digits.
Case long_case(Case c) {
  c.inputs[0].fill = repeated({0.5, -0.25, 1});
  c.tolerance = {1e-6, 2e-5};
  c.smooth = false;
  return c;
}

std::vector<Case> softmax_cross_entropy_cases() {
  std::vector<Case> cases = {
      loss_case("one row, one class", 1, 1),
      loss_case("one class", 5, 1),
      loss_case("one row", 1, 10),
      loss_case("two classes", 3, 2),
      loss_case("batch 67, 10 classes", 67, 10),
      loss_case("1009 classes", 3, 1009),
      loss_case("1031 rows", 1031, 3),
      loss_case("large logits", 7, 11, uniform(-100, 100)),
      loss_case("far from zero", 5, 7, uniform(1e4, 1e4 + 8)),
      loss_case("equal logits", 4, 6, repeated({2.5})),
      labels_case("label is the number of classes", repeated({0, 1, 5, 2, 3, 4})),
      labels_case("label -1", repeated({0, 1, 2, 3, 4, -1})),
      logits_case("a NaN among the logits", {1, 2, 3, 4, 5, 1, 2, 3, nan, 5, 1, 2, 3, 4, 5}),
      logits_case("minus infinity is probability 0", {-HUGE_VAL, 2, 3, 4, 5}),
      logits_case("the label has probability 0", {1, 2, 3, 4, -HUGE_VAL}),
      long_case(loss_case("262144 rows", 1 << 18, 3)),
      long_case(general_case("262144 rows, weights", 1 << 18, 3, {0, {0.5, 2, 1.25}})),
      general_case("no attributes", 5, 7, {}),
      general_case("label smoothing", 13, 10, {0.1}),
      general_case("label smoothing 1, one class", 3, 1, {1.0}),
      general_case("class weights", 7, 3, {0, {0.5, 2, 1.25}}),
      general_case("class weights, smoothing, sum", 7, 3, {0.2, {0.5, 0, 1.25}, {}, "sum"}),
      general_case("ignored labels", 6, 5, {0.1, {1, 2, 3, 4, 5}, {-100}},
                   repeated({0, -100, 2, 4, -100, 1})),
      general_case("an ignored class, none", 6, 5, {0, {}, {2}, "none"},
                   repeated({0, 2, 1, 4, 2, 3})),
      general_case("each row's loss, 1031 rows", 1031, 3, {0.3, {}, {}, "none"}),
      general_case("targets", 11, 9, {0, {}, {}, "mean", true}),
      general_case("targets, everything", 5, 4, {0.3, {1, 0.5, 2, 3}, {}, "none", true}),
      general_case("targets, sum, 35 classes", 3, 35, {0.3, {}, {}, "sum", true}),
      general_case("logarithms of probabilities", 7, 35, {0, {}, {}, "mean", false, true}),
      general_case("logarithms, weights, an ignored class", 6, 5,
                   {0, {1, 2, 3, 4, 5}, {2}, "mean", false, true}, repeated({0, 2, 1, 4, 2, 3})),
      general_case("logarithms, each row's loss", 4, 3, {0, {}, {}, "none", false, true}),
      dx_case("dx, batch 13, 10 classes", 13, 10),
      dx_case("dx, 1009 classes", 2, 1009),
      both_case(loss_case("one row, one class", 1, 1)),
      both_case(loss_case("batch 67, 10 classes", 67, 10)),
      both_case(loss_case("1009 classes", 7, 1009)),
      both_case(labels_case("label is the number of classes", repeated({0, 1, 5, 2, 3, 4}))),
      loss_case("batch 256, 10 classes", 256, 10),
      loss_case("batch 256, 1000 classes", 256, 1000),
  };
  for (std::size_t i = cases.size() - 2; i < cases.size(); ++i) cases[i].bench_only = true;
  return cases;
}

}  // namespace tessera::cases

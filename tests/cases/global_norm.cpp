// The norm of many tensors, and what is scaled by norms or limited.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

const TensorSpec number{DType::f32, {1}};

Case norm_case(std::string name, const std::vector<Shape>& shapes, bool bench_only = false) {
  Case c{"global_norm", std::move(name), {}, {}, [](const Tensors& inputs, std::int64_t) {
           HostTensor y(number);
           for (const HostTensor& input : inputs)
             for (double x : input.values) y[0] += x * x;
           y[0] = std::sqrt(y[0]);
           return Tensors{y};
         }};
  for (const Shape& shape : shapes) {
    c.inputs.emplace_back(fmt::format("x{}", c.inputs.size()), TensorSpec{DType::f32, shape});
    c.flops += 2 * static_cast<double>(c.inputs.back().spec.elements());
  }
  c.bench_only = bench_only;
  return c;
}

template <typename Function>
Tensors map(const HostTensor& x, const Function& f) {
  HostTensor y(x.spec);
  std::transform(x.values.begin(), x.values.end(), y.values.begin(), f);
  return {y};
}

Case by_norm_case(std::string name, double norm, double max_norm, bool ruined = false) {
  Case c{"clip_by_norm",
         std::move(name),
         {{"x", {DType::f32, {7, 19}}}, {"norm", number, repeated({ruined ? NAN : norm})}},
         {{"max_norm", max_norm}},
         [=](const Tensors& inputs, std::int64_t) {
           const double ratio = max_norm / (inputs[1][0] + 1e-6);
           return map(inputs[0], [=](double x) { return x * (ratio > 1 ? 1 : ratio); });
         }};
  return c;
}

Case by_value_case(std::string name, const Shape& shape, double limit, Fill fill) {
  return {"clip_by_value",
          std::move(name),
          {{"x", {DType::f32, shape}, std::move(fill)}},
          {{"limit", limit}},
          [=](const Tensors& inputs, std::int64_t) {
            // The attribute reaches the device as a float.
            const auto most = static_cast<double>(static_cast<float>(limit));
            return map(inputs[0],
                       [=](double x) { return std::isnan(x) ? x : std::clamp(x, -most, most); });
          }};
}

Case trust_case(std::string name, double w, double dw, double decay) {
  return {"trust_ratio",
          std::move(name),
          {{"w_norm", number, repeated({w})}, {"dw_norm", number, repeated({dw})}},
          {{"coefficient", 0.02}, {"weight_decay", decay}},
          [=](const Tensors& inputs, std::int64_t) {
            HostTensor y(number);
            const double norm = inputs[0][0], gradient = inputs[1][0];
            y[0] = norm == 0 || gradient == 0 ? 1 : 0.02 * norm / (gradient + decay * norm);
            return Tensors{y};
          }};
}

}  // namespace

std::vector<Case> global_norm_cases() {
  return {
      norm_case("one number", {{1}}),
      norm_case("a tensor", {{7, 19}}),
      norm_case("several", {{3}, {13, 11, 5}, {1}, {40001}, {2, 2}}),
      norm_case("an empty one", {{3}, {0, 4}}),
      norm_case("9.2 million", {{9200000}}, true),
      by_norm_case("scaled down", 3.7, 1.5),
      by_norm_case("left alone", 0.7, 1.5),
      by_norm_case("NaN", 0, 1.5, true),
      by_value_case("some", {7, 19}, 0.4, uniform(-1, 1)),
      by_value_case("none", {5}, 2, uniform(-1, 1)),
      by_value_case("NaN and infinity", {9}, 2, repeated({NAN, HUGE_VAL, -HUGE_VAL, 1})),
      trust_case("plain", 3, 5, 0),
      trust_case("with weight decay", 3, 5, 0.3),
      trust_case("no weight", 0, 5, 0.3),
      trust_case("no gradient", 3, 0, 0.3),
  };
}

}  // namespace tessera::cases

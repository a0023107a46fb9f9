// The norm of many tensors, and what depends on norms.
#include <fmt/format.h>

#include <cmath>

#include "tessera/ops.h"
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

Case clip_case(std::string name, double norm, double max_norm) {
  Case c{"clip_factor",
         std::move(name),
         {{"norm", number, repeated({norm})}},
         {},
         [=](const Tensors& inputs, std::int64_t) {
           HostTensor y(number);
           const double ratio = max_norm / (inputs[0][0] + 1e-6);
           y[0] = ratio > 1 ? 1 : ratio;
           return Tensors{y};
         }};
  c.smooth = false;
  c.build = [=](const std::vector<Var>& inputs) {
    return std::vector<Var>{clip_factor(inputs[0], max_norm)};
  };
  return c;
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
  Case long_norm = norm_case("a million equal numbers", {{1 << 20}});
  long_norm.inputs[0].fill = repeated({0.1});
  long_norm.tolerance = {0, 2e-5};
  return {
      norm_case("one number", {{1}}),
      norm_case("a tensor", {{7, 19}}),
      norm_case("several", {{3}, {13, 11, 5}, {1}, {40001}, {2, 2}}),
      long_norm,
      norm_case("an empty one", {{3}, {0, 4}}),
      norm_case("9.2 million", {{9200000}}, true),
      clip_case("scaled down", 3.7, 1.5),
      clip_case("left alone", 0.7, 1.5),
      clip_case("NaN", NAN, 1.5),
      trust_case("plain", 3, 5, 0),
      trust_case("with weight decay", 3, 5, 0.3),
      trust_case("no weight", 0, 5, 0.3),
      trust_case("no gradient", 3, 0, 0.3),
  };
}

}  // namespace tessera::cases

// Steps of stochastic gradient descent, in place.
#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

Tensors sgd_step(const Tensors& inputs, double momentum) {
  HostTensor w = inputs[0], v = inputs[2];
  for (std::int64_t i = 0; i < w.size(); ++i) {
    v[i] = momentum * v[i] + inputs[1][i];
    w[i] -= inputs[3][0] * v[i];
  }
  return {w, v};
}

Case sgd_case(std::string name, const Shape& shape, double momentum, double lr,
              bool bench_only = false) {
  const TensorSpec spec{DType::f32, shape};
  Case c{"sgd_step",
         std::move(name),
         {{"w", spec, uniform(-1, 1), Role::parameter},
          {"dw", spec},
          {"v", spec, uniform(-1, 1), Role::state},
          {"lr", {DType::f32, {1}}, repeated({lr})}},
         {{"momentum", momentum}},
         [momentum](const Tensors& inputs, std::int64_t) { return sgd_step(inputs, momentum); }};
  c.flops = 4 * static_cast<double>(spec.elements());
  c.bench_only = bench_only;
  return c;
}

}  // namespace

std::vector<Case> sgd_step_cases() {
  return {
      sgd_case("one weight", {1}, 0.9, 0.1),
      sgd_case("no momentum", {17}, 0, 0.1),
      sgd_case("momentum 0.9", {7, 5, 5, 3}, 0.9, 0.001),
      sgd_case("momentum 1", {1031}, 1, 0.5),
      sgd_case("learning rate 0", {13}, 0.9, 0),
      sgd_case("9.2 million weights", {9200000}, 0.9, 0.001, true),
  };
}

}  // namespace tessera::cases

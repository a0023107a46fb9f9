// Activations and their gradients.
#include <cmath>
#include <limits>

#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// max(x, 0), but NaN stays NaN.
Tensors relu(const Tensors& inputs, std::int64_t every) {
  const HostTensor& x = inputs[0];
  HostTensor y(x.spec);
  for (std::int64_t i = 0; i < y.size(); i += every) y[i] = x[i] <= 0 ? 0 : x[i];
  return {y};
}

Tensors relu_dx(const Tensors& inputs, std::int64_t every) {
  const HostTensor &y = inputs[0], &dy = inputs[1];
  HostTensor dx(y.spec);
  for (std::int64_t i = 0; i < dx.size(); i += every) dx[i] = y[i] > 0 ? dy[i] : 0;
  return {dx};
}

Case relu_case(std::string name, Shape shape, Fill fill = away_from_zero()) {
  Case c{
      "relu", std::move(name), {{"x", {DType::f32, std::move(shape)}, std::move(fill)}}, {}, relu};
  c.flops = static_cast<double>(c.inputs[0].spec.elements());
  return c;
}

Case relu_dx_case(std::string name, Shape shape, Fill y) {
  const TensorSpec spec{DType::f32, std::move(shape)};
  Case c{"relu_dx", std::move(name), {{"y", spec, std::move(y)}, {"dy", spec}}, {}, relu_dx};
  c.flops = static_cast<double>(spec.elements());
  return c;
}

}  // namespace

std::vector<Case> activation_cases() {
  std::vector<Case> cases = {
      relu_case("one element", {1}),
      relu_case("scalar", {}),
      relu_case("empty", {0, 3}),
      relu_case("17 elements", {17}),
      relu_case("image", {2, 7, 5, 3}),
      relu_case("1031 rows", {1031, 3}),
      relu_case("zeros, NaN, infinities", {3, 7},
                repeated({0.0, -0.0, 1.0, -1.0, nan, HUGE_VAL, -HUGE_VAL, 1e-38, -1e-38})),
      relu_dx_case("zeros", {5, 13}, repeated({0.0, 1.0, 0.5, 0.0, 1e-38})),
      relu_case("tutorial conv1, batch 64", {64, 28, 28, 6}, uniform(-1, 1)),
      relu_dx_case("tutorial conv1, batch 64", {64, 28, 28, 6}, uniform(-1, 1)),
      relu_case("N64 H32 C64", {64, 32, 32, 64}, uniform(-1, 1)),
      relu_dx_case("N64 H32 C64", {64, 32, 32, 64}, uniform(-1, 1)),
  };
  for (std::size_t i = 6; i < cases.size(); ++i) cases[i].smooth = false;
  for (std::size_t i = 8; i < cases.size(); ++i) cases[i].bench_only = true;
  return cases;
}

}  // namespace tessera::cases

// Softmax and its logarithm over the last axis, and over others as the functions do it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/ops.h"
#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Rows of K numbers that lie `stride` apart.
Tensors reference(const HostTensor& x, std::int64_t K, std::int64_t stride, bool logarithm) {
  HostTensor y(x.spec);
  for (std::int64_t first = 0; first < x.size(); ++first) {
    if (first / stride % K != 0) continue;
    double total = 0, largest = -infinity;
    for (std::int64_t k = 0; k < K; ++k) largest = std::max(largest, x[first + k * stride]);
    for (std::int64_t k = 0; k < K; ++k) total += std::exp(x[first + k * stride] - largest);
    for (std::int64_t k = 0; k < K; ++k) {
      const std::int64_t i = first + k * stride;
      y[i] = logarithm ? x[i] - largest - std::log(total) : std::exp(x[i] - largest) / total;
    }
  }
  return {y};
}

Case softmax_case(const char* op, const Shape& shape, double range = 3) {
  const std::int64_t K = shape.back();
  const bool logarithm = op[0] == 'l';
  Case c{
      op,
      fmt::format("{} within {}", to_string(shape), range),
      {{"x", {DType::f32, shape}, uniform(-range, range)}},
      {},
      [=](const Tensors& inputs, std::int64_t) { return reference(inputs[0], K, 1, logarithm); }};
  c.flops = 10.0 * static_cast<double>(element_count(shape));
  // Rounding of a difference of numbers up to `range`, and of a sum of K.
  c.tolerance = {1e-6 + 1e-7 * range, 1e-5 + 1e-7 * static_cast<double>(K)};
  c.gradient_tolerance = {1e-5 + 1e-7 * static_cast<double>(K), 1e-5};
  return c;
}

Case axis_case(const char* op, const Shape& shape, std::int64_t axis) {
  Case c = softmax_case(op, shape);
  const bool logarithm = op[0] == 'l';
  const std::size_t at = static_cast<std::size_t>(axis < 0 ? axis + std::ssize(shape) : axis);
  const std::int64_t stride =
      element_count(Shape(shape.begin() + static_cast<std::ptrdiff_t>(at) + 1, shape.end()));
  c.name += fmt::format(", axis {}", axis);
  c.reference = [=](const Tensors& inputs, std::int64_t) {
    return reference(inputs[0], shape[at], stride, logarithm);
  };
  c.build = [=](const std::vector<Var>& x) -> std::vector<Var> {
    return {logarithm ? log_softmax(x[0], axis) : softmax(x[0], axis)};
  };
  return c;
}

Case with_values(Case c, std::vector<double> values) {
  c.name += ", infinite or NaN";
  c.inputs[0].fill = repeated(std::move(values));
  c.smooth = false;
  return c;
}

Case bench(Case c) {
  c.bench_only = true;
  return c;
}

}  // namespace

std::vector<Case> softmax_cases() {
  std::vector<Case> cases;
  for (const char* op : {"softmax", "log_softmax"}) {
    for (const Shape& shape : std::vector<Shape>{
             {1}, {7}, {5, 1}, {3, 10}, {2, 3, 16}, {3, 37}, {2, 1031}, {0, 3}, {3, 0}})
      cases.push_back(softmax_case(op, shape));
    cases.push_back(softmax_case(op, {5, 19}, 80));
    cases.push_back(axis_case(op, {3, 5, 7}, 0));
    cases.push_back(axis_case(op, {3, 5, 7}, -2));
    cases.push_back(with_values(softmax_case(op, {4, 5}), {1, -infinity, 2}));
    cases.push_back(with_values(softmax_case(op, {2, 35}), {1, 3, 2, -infinity, 0.5, -1, 0}));
    cases.push_back(with_values(softmax_case(op, {3, 3}), {1, nan, 2}));
    cases.push_back(bench(softmax_case(op, {64, 3, 65, 65})));
    cases.push_back(bench(softmax_case(op, {128, 1000})));
  }
  return cases;
}

}  // namespace tessera::cases

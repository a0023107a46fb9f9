// Chains of element-wise ops: programs and the same functions in double, and reductions of them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

using Axes = std::vector<std::int64_t>;
using Values = std::vector<double>;

/// An input that is repeated: the number at a place of the larger `shape`.
double value_at(const HostTensor& x, std::int64_t place, const Shape& shape) {
  std::int64_t index = 0, stride = 1;
  for (std::size_t back = 1; back <= x.spec.shape.size(); ++back) {
    const std::int64_t size = x.spec.shape[x.spec.shape.size() - back];
    if (size != 1) index += place % shape[shape.size() - back] * stride;
    place /= shape[shape.size() - back];
    stride *= size;
  }
  return x[index];
}

/// Where an element of `shape` goes when `axes` become 1.
std::int64_t reduced_place(std::int64_t place, const Shape& shape, const Axes& axes) {
  std::int64_t index = 0, stride = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    const bool goes = std::count(axes.begin(), axes.end(), static_cast<std::int64_t>(axis)) > 0;
    if (!goes) {
      index += place % shape[axis] * stride;
      stride *= shape[axis];
    }
    place /= shape[axis];
  }
  return index;
}

struct Program {
  const char* text;
  double (*f)(const Values& x);
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double silu_slope(double x) { return sigmoid(x) * (1 + x * (1 - sigmoid(x))); }

const Program add_relu{"add(x0,x1) relu(t0)",
                       [](const Values& x) { return std::max(0.0, x[0] + x[1]); }};
const Program scale_add{"mul(x0,x1) add(t0,x2)",
                        [](const Values& x) { return x[0] * x[1] + x[2]; }};
/// The gradient behind a squeeze and excitation.
const Program silu_gradient{
    "mul_da(x0,x1) div(x2,x3) add(t0,t1) silu_dx(x4,t2)",
    [](const Values& x) { return (x[1] * x[0] + x[2] / x[3]) * silu_slope(x[4]); }};
/// Attributes, and results and inputs that several steps read.
const Program longest{
    "clamp(x0,-0.5,0.75) leaky_relu(x1,0.1) sub(t0,t1) square(t2) mul(t2,x2) where(x3,t3,t4) "
    "elu(t5,1.5) add(t6,t0)",
    [](const Values& x) {
      const double t0 = std::clamp(x[0], -0.5, 0.75), t2 = t0 - (x[1] > 0 ? x[1] : 0.1 * x[1]);
      const double t5 = x[3] != 0 ? t2 * t2 : t2 * x[2];
      return (t5 > 0 ? t5 : 1.5 * std::expm1(t5)) + t0;
    }};
const Program difference_of{"sub(x0,x1)", [](const Values& x) { return x[0] - x[1]; }};
const Program product{"mul(x0,x1)", [](const Values& x) { return x[0] * x[1]; }};
const Program with_infinity{"maximum(x0,x1) clamp(t0,-inf,2)",
                            [](const Values& x) { return std::min(2.0, std::max(x[0], x[1])); }};

struct Reduction {
  const char* name;
  double start;
  double (*add)(double total, double x);
  double (*finish)(double total, double n) = [](double total, double) { return total; };
};

const Reduction sum{"sum", 0, [](double total, double x) { return total + x; }};
const Reduction reductions[] = {
    sum,
    {"mean", 0, sum.add, [](double total, double n) { return total / n; }},
    {"sum_squares", 0, [](double total, double x) { return total + x * x; }},
    {"norm1", 0, [](double total, double x) { return total + std::abs(x); }},
    {"norm2", 0, [](double total, double x) { return total + x * x; },
     [](double total, double) { return std::sqrt(total); }},
    {"amax", -HUGE_VAL, [](double total, double x) { return std::max(total, x); }},
    {"amin", HUGE_VAL, [](double total, double x) { return std::min(total, x); }},
};

/// The first shape is that of all elements, if not all inputs are repeated.
Case chain_case(const Program& program, const std::vector<Shape>& shapes,
                const Reduction* reduction = nullptr, const Axes& axes = {}, Shape full = {}) {
  Case c{"chain", program.text, {}, {{"program", std::string(program.text)}}, {}};
  if (full.empty()) full = shapes[0];
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    c.name += fmt::format(" {}", to_string(shapes[i]));
    // Nothing near 0, which some programs divide by.
    c.inputs.emplace_back(fmt::format("x{}", i), TensorSpec{DType::f32, shapes[i]},
                          i == 3 ? uniform(0.5, 2) : uniform(-1, 1));
  }
  Shape y_shape = full;
  for (std::int64_t axis : axes) y_shape[static_cast<std::size_t>(axis)] = 1;
  const std::int64_t terms =
      element_count(full) / std::max<std::int64_t>(1, element_count(y_shape));
  const Reduction how = reduction ? *reduction : sum;  // of one element each, if of none
  if (reduction) {
    c.attributes = Attributes({{"program", std::string(program.text)},
                               {"reduction", std::string(reduction->name)},
                               {"axes", axes}});
    c.name += fmt::format(" {} over {}", reduction->name, to_string(axes));
    c.tolerance = for_sum_of(terms);
  }
  c.reference = [=, f = program.f](const Tensors& inputs, std::int64_t) {
    HostTensor y({DType::f32, y_shape});
    std::fill(y.values.begin(), y.values.end(), how.start);
    Values x(inputs.size());
    for (std::int64_t place = 0; place < element_count(full); ++place) {
      for (std::size_t k = 0; k < x.size(); ++k) x[k] = value_at(inputs[k], place, full);
      double& total = y[reduced_place(place, full, axes)];
      total = how.add(total, f(x));
    }
    for (double& total : y.values) total = how.finish(total, static_cast<double>(terms));
    return Tensors{y};
  };
  c.flops = static_cast<double>(element_count(full));
  return c;
}

Case bench(Case c) {
  c.bench_only = true;
  return c;
}

void append_elements(std::vector<Case>& cases) {
  const auto add = [&](const Program& program, const std::vector<Shape>& shapes, Shape full = {}) {
    cases.push_back(chain_case(program, shapes, nullptr, {}, std::move(full)));
  };
  for (const Shape& shape : {Shape{1}, Shape{17}, Shape{3, 7, 37}, Shape{5, 1031}, Shape{0, 3}})
    add(add_relu, {shape, shape});
  add(add_relu, {{}, {}});
  add(add_relu, {{2, 7, 5, 3}, {3}});
  add(add_relu, {{7, 3001}, {3001}});
  add(add_relu, {{3001, 2}, {2}});
  add(add_relu, {{5, 1, 4}, {1, 37, 1}}, {5, 37, 4});
  add(add_relu, {{2051, 1}, {1, 3}}, {2051, 3});
  add(scale_add, {{4, 7, 5, 24}, {4, 1, 1, 1}, {4, 7, 5, 24}});
  add(scale_add, {{300, 40}, {300, 1}, {40}});
  add(scale_add, {{3, 2000}, {3, 1}, {2000}});
  add(scale_add, {{}, {5, 37}, {37}}, {5, 37});
  add(silu_gradient, {{3, 1, 1, 19}, {3, 9, 9, 19}, {3, 1, 1, 19}, {}, {3, 9, 9, 19}},
      {3, 9, 9, 19});
  add(longest, {{5, 7, 37}, {7, 37}, {37}, {5, 7, 37}});
  add(longest, {{1021}, {1021}, {}, {1021}});
  add(with_infinity, {{3, 67}, {67}});
  const Shape stage = {16, 16, 16, 144}, channels = {16, 1, 1, 144};
  cases.push_back(
      bench(chain_case(silu_gradient, {channels, stage, channels, {}, stage}, nullptr, {}, stage)));
  cases.push_back(bench(chain_case(scale_add, {stage, {16, 1, 1, 1}, stage})));
  cases.push_back(bench(chain_case(product, {stage, stage}, &sum, {1, 2})));
}

void append_reductions(std::vector<Case>& cases) {
  const auto add = [&](const Program& program, const std::vector<Shape>& shapes,
                       const Reduction& how, const Axes& axes, Shape full = {}) {
    cases.push_back(chain_case(program, shapes, &how, axes, std::move(full)));
  };
  for (const Reduction& how : reductions) {
    add(product, {{3, 7, 5, 11}, {3, 7, 5, 11}}, how, {1, 2});
    add(difference_of, {{3, 1031}, {1031}}, how, {1});
    add(difference_of, {{1031, 3}, {3}}, how, {0});
  }
  add(product, {{17}, {17}}, sum, {0});
  add(product, {{1, 7}, {7}}, sum, {1});
  add(product, {{10007}, {1}}, sum, {0});
  add(product, {{5, 7}, {5, 7}}, sum, {0, 1});
  add(product, {{2, 3001, 67}, {67}}, sum, {1});
  add(product, {{2, 3001, 67}, {2, 1, 67}}, sum, {1});
  add(product, {{40, 9, 24}, {40, 9, 1}}, sum, {1});
  add(product, {{5, 2051}, {5, 1}}, sum, {0});
  add(product, {{3, 7, 5, 11}, {3, 1, 1, 1}}, sum, {3});
  add(product, {{600, 5}, {600, 1}}, sum, {1});
  add(product, {{5, 1}, {1, 2500}}, sum, {1}, {5, 2500});
  add(scale_add, {{4, 33, 10}, {4, 33, 10}, {10}}, sum, {1});
  add(scale_add, {{2, 9000}, {9000}, {2, 1}}, reductions[1], {1});
  add(longest, {{5, 7, 37}, {5, 7, 37}, {37}, {5, 7, 37}}, sum, {0, 1});
  add(product, {{0, 3}, {3}}, sum, {0});
  add(product, {{3, 0}, {3, 1}}, sum, {1});
}

}  // namespace

std::vector<Case> chain_cases() {
  std::vector<Case> cases;
  append_elements(cases);
  append_reductions(cases);
  return cases;
}

}  // namespace tessera::cases

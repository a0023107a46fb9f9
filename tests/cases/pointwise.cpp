// Element-wise ops: one row per op, with its function in double. Gradients are finite differences
// of these; rows of gradient ops say what happens where those make no sense.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// The element of `shape` that stands at place `i` of the larger `y`.
std::int64_t broadcast_index(std::int64_t i, const Shape& y, const Shape& shape) {
  std::int64_t index = 0, stride = 1;
  for (std::size_t back = 0; back < y.size(); ++back) {
    const std::int64_t extent = y[y.size() - 1 - back];
    const std::int64_t place = i % extent;
    i /= extent;
    if (back >= shape.size()) continue;
    const std::int64_t own = shape[shape.size() - 1 - back];
    index += (own == 1 ? 0 : place) * stride;
    stride *= own;
  }
  return index;
}

Shape broadcast_shape_of(const std::vector<Shape>& shapes) {
  Shape y;
  for (Shape shape : shapes) {
    const std::size_t rank = std::max(y.size(), shape.size());
    y.insert(y.begin(), rank - y.size(), 1);
    shape.insert(shape.begin(), rank - shape.size(), 1);
    for (std::size_t i = 0; i < rank; ++i)
      if (y[i] == 1) y[i] = shape[i];
  }
  return y;
}

/// A function of up to three numbers; absent ones are 0.
using Function = double (*)(double, double, double);

Case make_case(const std::string& op, const std::string& name, std::vector<Input> inputs,
               Function f, Attributes attributes = {}) {
  std::vector<Shape> shapes;
  for (const Input& input : inputs) shapes.push_back(input.spec.shape);
  const Shape shape = broadcast_shape_of(shapes);
  Case c{op, name, std::move(inputs), std::move(attributes),
         [f, shape](const Tensors& in, std::int64_t every) {
           HostTensor y({DType::f32, shape});
           for (std::int64_t i = 0; i < y.size(); i += every) {
             double v[3] = {};
             for (std::size_t k = 0; k < in.size(); ++k)
               v[k] = in[k][broadcast_index(i, shape, in[k].spec.shape)];
             y[i] = f(v[0], v[1], v[2]);
           }
           return Tensors{y};
         }};
  c.flops = static_cast<double>(element_count(shape));
  // The gradient of a repeated operand sums over the repetitions.
  c.gradient_tolerance = for_sum_of(static_cast<std::int64_t>(c.flops));
  return c;
}

Case without_gradient(Case c) {
  c.smooth = false;
  return c;
}

Case bench(Case c) {
  c.bench_only = true;
  c.smooth = false;
  return c;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

struct Unary {
  const char* op;
  Function y;
  Fill fill = uniform(-4, 4);
  Attributes attributes = {};
};

/// Away from -3, 0, 3 and 6, the kinks of several functions.
Fill away_from_kinks() {
  return [](HostTensor& tensor, Philox& random) {
    uniform(-8, 8)(tensor, random);
    for (double& value : tensor.values)
      for (double kink : {-3.0, 0.0, 3.0, 6.0, -1.5, 2.5})
        if (std::abs(value - kink) < 0.02) value = kink + 0.03125;
  };
}

const std::vector<Unary>& unary_functions() {
  static const std::vector<Unary> list = {
      {"relu", [](double x, double, double) { return x <= 0 ? 0 : x; }, away_from_zero()},
      {"relu6", [](double x, double, double) { return x <= 0   ? 0
                                                      : x >= 6 ? 6
                                                               : x; },
       away_from_kinks()},
      {"leaky_relu",
       [](double x, double, double) { return x >= 0 ? x : 0.2 * x; },
       away_from_zero(),
       {{"negative_slope", 0.2}}},
      {"elu",
       [](double x, double, double) { return x >= 0 ? x : 1.5 * std::expm1(x); },
       away_from_kinks(),
       {{"alpha", 1.5}}},
      {"erf", [](double x, double, double) { return std::erf(x); }},
      {"gelu", [](double x, double, double) { return std::isnan(x) ? x : x * normal_cdf(x); }},
      {"gelu_tanh",
       [](double x, double, double) {
         const double pi = std::acos(-1.0);
         return 0.5 * x * (1 + std::tanh(std::sqrt(2 / pi) * (x + 0.044715 * std::pow(x, 3))));
       }},
      {"silu", [](double x, double, double) { return x * sigmoid(x); }, uniform(-20, 20)},
      {"hardswish",
       [](double x, double, double) { return x <= -3  ? 0
                                             : x >= 3 ? x
                                                      : x * (x + 3) / 6; },
       away_from_kinks()},
      {"hardsigmoid",
       [](double x, double, double) { return x <= -3  ? 0
                                             : x >= 3 ? 1
                                                      : (x + 3) / 6; },
       away_from_kinks()},
      {"sigmoid", [](double x, double, double) { return sigmoid(x); }, uniform(-20, 20)},
      {"tanh", [](double x, double, double) { return std::tanh(x); }, uniform(-10, 10)},
      {"softplus",
       [](double x, double, double) {
         return 1.5 * x > 4 ? x : std::log1p(std::exp(1.5 * x)) / 1.5;
       },
       uniform(-3, 2.5),
       {{"beta", 1.5}, {"threshold", 4.0}}},
      {"mish", [](double x, double, double) { return x * std::tanh(std::log1p(std::exp(x))); }},
      {"exp", [](double x, double, double) { return std::exp(x); }},
      {"log", [](double x, double, double) { return std::log(x); }, uniform(0.05, 4)},
      {"sqrt", [](double x, double, double) { return std::sqrt(x); }, uniform(0.05, 4)},
      {"rsqrt", [](double x, double, double) { return 1 / std::sqrt(x); }, uniform(0.2, 4)},
      {"abs", [](double x, double, double) { return std::abs(x); }, away_from_zero()},
      {"neg", [](double x, double, double) { return -x; }},
      {"square", [](double x, double, double) { return x * x; }},
      {"huber",
       [](double x, double, double) {
         return std::abs(x) <= 1.5 ? x * x / 2 : 1.5 * (std::abs(x) - 0.75);
       },
       away_from_kinks(),
       {{"delta", 1.5}}},
      {"clamp",
       [](double x, double, double) { return x < -1.5  ? -1.5
                                             : x > 2.5 ? 2.5
                                                       : x; },
       away_from_kinks(),
       {{"min", -1.5}, {"max", 2.5}}},
  };
  return list;
}

void append_unary(std::vector<Case>& cases) {
  const auto make = [](const Unary& row, const std::string& name, Shape shape, Fill fill) {
    Case c = make_case(row.op, name, {{"x", {DType::f32, std::move(shape)}, std::move(fill)}},
                       row.y, row.attributes);
    c.gradient_tolerance = {2e-6, 2e-5};
    return c;
  };
  for (const Unary& row : unary_functions()) {
    cases.push_back(make(row, "odd number", {3, 7, 37}, row.fill));
    cases.push_back(without_gradient(
        make(row, "NaN, infinity", {21}, repeated({nan, 1.0, HUGE_VAL, 0.5, 2.0}))));
    cases.push_back(bench(make(row, "N64 H32 C64", {64, 32, 32, 64}, row.fill)));
  }
  const Unary& relu = unary_functions()[0];
  for (const Shape& shape : {Shape{1}, Shape{}, Shape{0, 3}, Shape{17}, Shape{1031, 3}})
    cases.push_back(make(relu, to_string(shape), shape, relu.fill));
  cases.push_back(without_gradient(make(relu, "zeros and small numbers", {3, 7},
                                        repeated({0.0, -0.0, -1.0, -HUGE_VAL, 1e-38, -1e-38}))));
  cases.push_back(bench(make(relu, "tutorial conv1, batch 64", {64, 28, 28, 6}, uniform(-1, 1))));
}

/// Gradient ops where a kink or a tie decides.
void append_unary_gradients(std::vector<Case>& cases) {
  const auto make = [&](const std::string& op, const std::string& name, const Shape& shape,
                        const char* of, Fill fill, Function f, Attributes attributes = {}) {
    cases.push_back(make_case(
        op, name, {{of, {DType::f32, shape}, std::move(fill)}, {"dy", {DType::f32, shape}}}, f,
        std::move(attributes)));
  };
  const Function relu_dx = [](double y, double dy, double) { return y > 0 ? dy : 0; };
  make("relu_dx", "zeros", {5, 13}, "y", repeated({0.0, 1.0, 0.5, 0.0, 1.2e-38}), relu_dx);
  make("relu6_dx", "zeros and sixes", {13}, "y", repeated({0.0, 1.0, 6.0, 5.5}),
       [](double y, double dy, double) { return y > 0 && y < 6 ? dy : 0; });
  make("abs_dx", "zeros", {13}, "x", repeated({0.0, 1.0, -2.0, -0.0}),
       [](double x, double dy, double) { return x > 0   ? dy
                                                : x < 0 ? -dy
                                                        : 0; });
  make("clamp_dx", "bounds", {13}, "x", repeated({-1.0, 0.5, 2.0, -1.5, 3.0}),
       [](double x, double dy, double) { return x >= -1 && x <= 2 ? dy : 0; },
       {{"min", -1.0}, {"max", 2.0}});
  for (const Shape& shape : {Shape{64, 28, 28, 6}, Shape{64, 32, 32, 64}}) {
    make("relu_dx", to_string(shape), shape, "y", uniform(-1, 1), relu_dx);
    cases.back().bench_only = true;
  }
}

double minimum(double a, double b) { return std::isnan(a) || a < b ? a : b; }
double maximum(double a, double b) { return std::isnan(a) || a > b ? a : b; }

struct Binary {
  const char* op;
  Function y;
  Fill a = uniform(-1, 1);
  Fill b = uniform(-1, 1);
};

const std::vector<Binary>& binary_functions() {
  static const std::vector<Binary> list = {
      {"add", [](double a, double b, double) { return a + b; }},
      {"sub", [](double a, double b, double) { return a - b; }},
      {"mul", [](double a, double b, double) { return a * b; }},
      {"div", [](double a, double b, double) { return a / b; }, uniform(-1, 1), uniform(0.5, 2)},
      {"pow", [](double a, double b, double) { return std::pow(a, b); }, uniform(0.5, 2),
       uniform(-2, 2)},
      {"minimum", [](double a, double b, double) { return minimum(a, b); }, distinct(),
       uniform(0.002, 0.008)},
      {"maximum", [](double a, double b, double) { return maximum(a, b); }, distinct(),
       uniform(0.002, 0.008)},
      {"prelu", [](double a, double b, double) { return a > 0 ? a : a * b; }, away_from_zero()},
      {"kl_divergence",
       [](double a, double b, double) { return (b == 0 ? 0 : b * std::log(b)) - b * a; },
       uniform(-3, 0), uniform(0.1, 1)},
  };
  return list;
}

const std::vector<Binary>& comparisons() {
  static const std::vector<Binary> list = {
      {"equal", [](double a, double b, double) { return a == b ? 1.0 : 0.0; }},
      {"not_equal", [](double a, double b, double) { return a != b ? 1.0 : 0.0; }},
      {"less", [](double a, double b, double) { return a < b ? 1.0 : 0.0; }},
      {"less_equal", [](double a, double b, double) { return a <= b ? 1.0 : 0.0; }},
      {"greater", [](double a, double b, double) { return a > b ? 1.0 : 0.0; }},
      {"greater_equal", [](double a, double b, double) { return a >= b ? 1.0 : 0.0; }},
  };
  return list;
}

Case binary_case(const Binary& row, const Shape& a, const Shape& b) {
  return make_case(row.op, to_string(a) + ", " + to_string(b),
                   {{"a", {DType::f32, a}, row.a}, {"b", {DType::f32, b}, row.b}}, row.y);
}

void append_binary(std::vector<Case>& cases) {
  const auto every = repeated({0.0, 1.0, nan, -1.0, HUGE_VAL});
  const auto other = repeated({1.0, nan, 0.0, 1.0, -1.0, 2.0, HUGE_VAL});
  const auto with_nan = [&](Binary row) {
    row.a = every;
    row.b = other;
    cases.push_back(without_gradient(binary_case(row, {35}, {35})));
  };
  for (const Binary& row : binary_functions()) {
    cases.push_back(binary_case(row, {3, 7, 5}, {3, 7, 5}));
    cases.push_back(binary_case(row, {2, 7, 5, 3}, {3}));
    cases.push_back(binary_case(row, {5, 1, 4}, {1, 37, 1}));
    cases.push_back(binary_case(row, {2, 5}, {}));
    with_nan(row);
    cases.push_back(bench(binary_case(row, {64, 32, 32, 64}, {64, 32, 32, 64})));
    cases.push_back(bench(binary_case(row, {64, 32, 32, 64}, {64})));
  }
  for (Binary row : comparisons()) {
    row.a = row.b = whole_numbers(-2, 2);
    cases.push_back(without_gradient(binary_case(row, {3, 7, 5}, {7, 1})));
    with_nan(row);
  }
  const std::pair<Shape, Shape> shapes[] = {
      {{1}, {1}},          {{17}, {17}},
      {{1031}, {1}},       {{1}, {37}},
      {{5}, {3, 5}},       {{3, 5}, {3, 1}},
      {{3, 1}, {1, 5}},    {{3, 1}, {5}},
      {{2, 3}, {}},        {{2, 7, 5, 3}, {2, 1, 1, 3}},
      {{0, 4}, {4}},       {{1, 7, 1, 3}, {2, 1, 5, 1}},
      {{7, 3001}, {3001}}, {{2, 1, 3, 1, 2}, {4, 1, 5, 2}},
      {{3000, 2}, {2}},    {{2, 3, 2, 3, 2, 2}, {3, 1, 3, 1, 2}},
  };
  for (const auto& [a, b] : shapes) cases.push_back(binary_case(binary_functions()[0], a, b));
}

/// Who gets the gradient of equal operands, and powers of 0.
void append_binary_gradients(std::vector<Case>& cases) {
  const auto make = [&](const char* op, Fill a, Fill b, Function f) {
    const TensorSpec spec{DType::f32, {4, 9}};
    cases.push_back(make_case(
        op, "ties", {{"a", spec, std::move(a)}, {"b", spec, std::move(b)}, {"dy", spec}}, f));
  };
  const Fill few = whole_numbers(0, 2);
  make("maximum_da", few, few, [](double a, double b, double dy) {
    return a > b ? dy : a == b ? dy / 2 : 0;
  });
  make("maximum_db", few, few, [](double a, double b, double dy) {
    return b > a ? dy : a == b ? dy / 2 : 0;
  });
  make("minimum_da", few, few, [](double a, double b, double dy) {
    return a < b ? dy : a == b ? dy / 2 : 0;
  });
  make("minimum_db", few, few, [](double a, double b, double dy) {
    return b < a ? dy : a == b ? dy / 2 : 0;
  });
  make("pow_da", few, few,
       [](double a, double b, double dy) { return b == 0 ? 0 : dy * b * std::pow(a, b - 1); });
  make("pow_db", few, few, [](double a, double b, double dy) {
    return a == 0 ? 0 : dy * std::pow(a, b) * std::log(a);
  });
}

void append_where(std::vector<Case>& cases) {
  const Function f = [](double c, double a, double b) { return c != 0 ? a : b; };
  const std::vector<Shape> shapes[] = {{{5, 37}, {5, 37}, {5, 37}},
                                       {{5, 1}, {3, 1, 7}, {7}},
                                       {{2, 3, 1}, {}, {2, 3, 19}},
                                       {{4}, {3, 4}, {}}};
  for (const auto& s : shapes) {
    Case c = make_case("where", to_string(s[0]) + ", " + to_string(s[1]) + ", " + to_string(s[2]),
                       {{"condition", {DType::f32, s[0]}, whole_numbers(0, 1)},
                        {"a", {DType::f32, s[1]}},
                        {"b", {DType::f32, s[2]}}},
                       f);
    cases.push_back(std::move(c));
  }
}

}  // namespace

std::vector<Case> pointwise_cases() {
  std::vector<Case> cases;
  append_unary(cases);
  append_unary_gradients(cases);
  append_binary(cases);
  append_binary_gradients(cases);
  append_where(cases);
  return cases;
}

}  // namespace tessera::cases

// Reductions over any axes: each is a function of the list of elements that fall together.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

using Axes = std::vector<std::int64_t>;
using Terms = std::vector<double>;
using Function = double (*)(const Terms&);

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Shape reduced(Shape shape, const Axes& axes) {
  for (std::int64_t axis : axes) shape[static_cast<std::size_t>(axis)] = 1;
  return shape;
}

/// The elements of x, in order, for each element of y.
std::vector<Terms> terms_of(const HostTensor& x, const Shape& y) {
  std::vector<Terms> terms(static_cast<std::size_t>(element_count(y)));
  for (std::int64_t i = 0; i < x.size(); ++i) {
    std::int64_t rest = i, index = 0, stride = 1;
    for (std::size_t axis = y.size(); axis-- > 0;) {
      const std::int64_t place = rest % x.spec.shape[axis];
      rest /= x.spec.shape[axis];
      if (y[axis] != 1) index += place * stride;
      stride *= y[axis];
    }
    terms[static_cast<std::size_t>(index)].push_back(x[i]);
  }
  return terms;
}

double sum(const Terms& terms) {
  double total = 0;
  for (double x : terms) total += x;
  return total;
}

double sum_squares(const Terms& terms) {
  double total = 0;
  for (double x : terms) total += x * x;
  return total;
}

double norm1(const Terms& terms) {
  double total = 0;
  for (double x : terms) total += std::abs(x);
  return total;
}

/// The first of the largest ones; NaN is larger than anything.
std::size_t place_of_largest(const Terms& terms) {
  for (std::size_t i = 0; i < terms.size(); ++i)
    if (std::isnan(terms[i])) return i;
  std::size_t best = 0;
  for (std::size_t i = 0; i < terms.size(); ++i)
    if (terms[i] > terms[best]) best = i;
  return best;
}

std::size_t place_of_smallest(Terms terms) {
  for (double& x : terms) x = -x;
  return place_of_largest(terms);
}

struct Row {
  const char* op;
  Function y;
  Fill fill = uniform(-1, 1);
  DType dtype = DType::f32;
};

const Row sum_row{"sum", sum},
    mean_row{"mean", [](const Terms&t) { return sum(t) / static_cast<double>(t.size()); }},
    sum_squares_row{"sum_squares", sum_squares}, norm1_row{"norm1", norm1, away_from_zero()},
    norm2_row{"norm2", [](const Terms&t) { return std::sqrt(sum_squares(t)); }, uniform(0.25, 1)},
    amax_row{"amax", [](const Terms&t) { return t[place_of_largest(t)]; }, distinct()},
    amin_row{"amin", [](const Terms&t) { return t[place_of_smallest(t)]; }, distinct()},
    argmax_row{"argmax", [](const Terms&t) { return static_cast<double>(place_of_largest(t)); },
               whole_numbers(-2, 2), DType::i32},
    argmin_row{"argmin", [](const Terms&t) { return static_cast<double>(place_of_smallest(t)); },
               whole_numbers(-2, 2), DType::i32};

Case reduce_case(const Row& row, const Shape& shape, const Axes& axes) {
  const Shape y_shape = reduced(shape, axes);
  Case c{row.op,
         to_string(shape) + " over " + to_string(axes),
         {{"x", {DType::f32, shape}, row.fill}},
         {{"axes", axes}},
         [=](const Tensors& inputs, std::int64_t) {
           HostTensor y({row.dtype, y_shape});
           const auto terms = terms_of(inputs[0], y_shape);
           for (std::size_t i = 0; i < terms.size(); ++i) y.values[i] = row.y(terms[i]);
           return Tensors{y};
         }};
  c.flops = static_cast<double>(element_count(shape));
  c.tolerance =
      for_sum_of(element_count(shape) / std::max<std::int64_t>(element_count(y_shape), 1));
  return c;
}

Case with_values(Case c, const std::string& name, std::vector<double> values) {
  c.name += ", " + name;
  c.inputs[0].fill = repeated(std::move(values));
  c.smooth = false;
  return c;
}

Case bench(Case c) {
  c.bench_only = true;
  return c;
}

/// Every path of a backend, and odd sizes.
void add_shapes(std::vector<Case>& cases, const Row& row) {
  for (const auto& [shape, axes] : std::vector<std::pair<Shape, Axes>>{{{1}, {0}},
                                                                       {{17}, {0}},
                                                                       {{5, 7}, {}},
                                                                       {{5, 7}, {1}},
                                                                       {{1, 7}, {0}},
                                                                       {{1031, 3}, {0}},
                                                                       {{3, 1031}, {1}},
                                                                       {{3, 7, 5, 11}, {1, 3}},
                                                                       {{3, 7, 5, 11}, {1, 2}}})
    cases.push_back(reduce_case(row, shape, axes));
}

void add_sums(std::vector<Case>& cases) {
  for (const auto& [shape, axes] :
       std::vector<std::pair<Shape, Axes>>{{{}, {}},
                                           {{10007}, {0}},
                                           {{5, 7}, {0}},
                                           {{5, 7}, {0, 1}},
                                           {{3, 7, 5, 11}, {0}},
                                           {{3, 7, 5, 11}, {2}},
                                           {{3, 7, 5, 11}, {3}},
                                           {{3, 7, 5, 11}, {0, 2}},
                                           {{3, 7, 5, 11}, {0, 1, 2}},
                                           {{3, 7, 5, 11}, {0, 1, 2, 3}},
                                           {{2, 3, 2, 3, 2}, {0, 2, 4}},
                                           {{4, 28, 28, 6}, {0, 1, 2}},
                                           {{2, 3001, 67}, {1}},
                                           {{0, 3}, {0}},
                                           {{0, 3}, {1}}})
    cases.push_back(reduce_case(sum_row, shape, axes));
  cases.push_back(bench(reduce_case(sum_row, {64, 32, 32, 64}, {0, 1, 2})));
  cases.push_back(bench(reduce_case(sum_row, {64, 1000}, {0})));
  cases.push_back(bench(reduce_case(sum_row, {1 << 22}, {0})));
  cases.push_back(bench(reduce_case(sum_row, {8192, 64}, {1})));
  cases.push_back(bench(reduce_case(mean_row, {64, 8, 8, 512}, {1, 2})));
}

}  // namespace

std::vector<Case> reduce_cases() {
  std::vector<Case> cases;
  for (const Row& row :
       {sum_row, mean_row, sum_squares_row, norm1_row, norm2_row, amax_row, amin_row})
    add_shapes(cases, row);
  add_sums(cases);
  for (const Row& row : {argmax_row, argmin_row}) {
    cases.push_back(reduce_case(row, {17}, {0}));
    cases.push_back(reduce_case(row, {5, 1}, {1}));
    cases.push_back(reduce_case(row, {37, 11}, {1}));
    cases.push_back(reduce_case(row, {3, 7, 5, 11}, {0}));
    cases.push_back(reduce_case(row, {3, 7, 5, 11}, {2}));
    cases.push_back(with_values(reduce_case(row, {3, 7}, {1}), "NaN", {1, 2, nan, 3, -1}));
    cases.push_back(with_values(reduce_case(row, {2, 3}, {1}), "infinite", {-infinity, infinity}));
  }
  for (const Row& row : {amax_row, amin_row, sum_row}) {
    const std::vector<double> values = {1, 2, 3, nan, -1, 0.5, 1, 1, 2, 4, 4};
    cases.push_back(with_values(reduce_case(row, {9, 35}, {1}), "NaN", values));
    cases.push_back(with_values(reduce_case(row, {35, 9}, {0}), "NaN", values));
    cases.push_back(with_values(reduce_case(row, {4, 5}, {1}), "infinite", {infinity}));
    cases.push_back(with_values(reduce_case(row, {3, 5}, {1}), "minus infinite", {-infinity}));
  }
  cases.push_back(with_values(reduce_case(mean_row, {3, 0}, {1}), "nothing", {0}));
  // Of a million equal numbers a plain float loop loses the fourth digit.
  for (const Row& row : {mean_row, norm2_row})
    for (const auto& [shape, axes] :
         std::vector<std::pair<Shape, Axes>>{{{1 << 20}, {0}}, {{1 << 18, 5}, {0}}}) {
      cases.push_back(with_values(reduce_case(row, shape, axes), "long", {0.1}));
      cases.back().tolerance = {0, 2e-5};
    }
  return cases;
}

}  // namespace tessera::cases

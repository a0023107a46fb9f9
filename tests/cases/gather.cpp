// Elements chosen by indices.
#include <limits>

#include "tessera/ops.h"
#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// x [outer,A,inner], y [outer,I,inner]; one index for each element, or for all of outer and inner.
struct Sizes {
  std::int64_t outer, A, inner, I;
  bool each;

  std::int64_t place(std::int64_t o, std::int64_t i, std::int64_t n) const {
    return each ? (o * I + i) * inner + n : i;
  }
};

/// f(place in x or -1, place in y) for each element of y.
template <typename Function>
void for_chosen(const Sizes& s, const HostTensor& index, const Function& f) {
  for (std::int64_t o = 0; o < s.outer; ++o)
    for (std::int64_t i = 0; i < s.I; ++i)
      for (std::int64_t n = 0; n < s.inner; ++n) {
        const auto a = static_cast<std::int64_t>(index[s.place(o, i, n)]);
        f(a >= 0 && a < s.A ? (o * s.A + a) * s.inner + n : -1, (o * s.I + i) * s.inner + n);
      }
}

Case forward_case(const Sizes& s, const Shape& x, const Shape& index, const Shape& y,
                  std::int64_t axis, Fill fill) {
  Case c{s.each ? "gather" : "take",
         to_string(x) + " by " + to_string(index) + " over " + std::to_string(axis),
         {{"x", {DType::f32, x}}, {"index", {DType::i32, index}, std::move(fill)}},
         {{"axis", axis}},
         [=](const Tensors& inputs, std::int64_t) {
           HostTensor result({DType::f32, y});
           for_chosen(s, inputs[1], [&](std::int64_t from, std::int64_t to) {
             result[to] = from < 0 ? nan : inputs[0][from];
           });
           return Tensors{result};
         }};
  c.flops = static_cast<double>(element_count(y));
  c.tolerance = {0, 0};
  c.gradient_tolerance = for_sum_of(s.I);
  return c;
}

Case dx_case(const Sizes& s, const Shape& x, const Shape& index, const Shape& y, std::int64_t axis,
             Fill fill) {
  Case c{s.each ? "gather_dx" : "take_dx",
         to_string(x) + " by " + to_string(index) + " over " + std::to_string(axis),
         {{"index", {DType::i32, index}, std::move(fill)}, {"dy", {DType::f32, y}}},
         {{"axis", axis}, {"size", s.A}},
         [=](const Tensors& inputs, std::int64_t) {
           HostTensor dx({DType::f32, x});
           for_chosen(s, inputs[0], [&](std::int64_t to, std::int64_t from) {
             if (to >= 0) dx[to] += inputs[1][from];
           });
           return Tensors{dx};
         }};
  c.flops = static_cast<double>(element_count(y));
  c.tolerance = for_sum_of(s.I);
  return c;
}

std::int64_t product(const Shape& shape, std::size_t begin, std::size_t end) {
  std::int64_t result = 1;
  for (std::size_t i = begin; i < end; ++i) result *= shape[i];
  return result;
}

struct Chosen {
  Shape x;
  Shape index;
  std::int64_t axis;
  bool each;
};

void add(std::vector<Case>& cases, const Chosen& chosen, bool bench_only = false) {
  const auto axis = static_cast<std::size_t>(chosen.axis);
  const Shape &x = chosen.x, &index = chosen.index;
  const std::int64_t A = x[axis];
  const std::int64_t I = chosen.each ? index[axis] : element_count(index);
  const Sizes s{product(x, 0, axis), A, product(x, axis + 1, x.size()), I, chosen.each};
  Shape y = x;
  y.erase(y.begin() + chosen.axis);
  if (chosen.each)
    y = index;
  else
    y.insert(y.begin() + chosen.axis, index.begin(), index.end());
  const Fill inside = whole_numbers(0, static_cast<int>(A) - 1);
  cases.push_back(forward_case(s, x, index, y, chosen.axis, inside));
  cases.push_back(dx_case(s, x, index, y, chosen.axis, inside));
  cases[cases.size() - 2].bench_only = cases.back().bench_only = bench_only;
  if (bench_only) return;
  const Fill outside = repeated({0, -1, static_cast<double>(A), 1, 1, 1e6, -1e6, 0, 1});
  cases.push_back(forward_case(s, x, index, y, chosen.axis, outside));
  cases.back().name += ", outside";
  cases.back().smooth = false;
  cases.push_back(dx_case(s, x, index, y, chosen.axis, outside));
  cases.back().name += ", outside";
}

Case one_hot_case(const Shape& shape, std::int64_t classes) {
  Case c{"one_hot",
         to_string(shape) + " of " + std::to_string(classes),
         {{"index", {DType::i32, shape}, whole_numbers(-1, static_cast<int>(classes))}},
         {{"classes", classes}},
         [=](const Tensors& inputs, std::int64_t) {
           Shape y_shape = shape;
           y_shape.push_back(classes);
           HostTensor y({DType::f32, y_shape});
           for (std::int64_t i = 0; i < y.size(); ++i)
             y[i] = inputs[0][i / classes] == static_cast<double>(i % classes);
           return Tensors{y};
         }};
  c.flops = static_cast<double>(element_count(shape) * classes);
  c.tolerance = {0, 0};
  return c;
}

}  // namespace

std::vector<Case> gather_cases() {
  std::vector<Case> cases;
  add(cases, {{7}, {11}, 0, true});
  add(cases, {{3, 7}, {3, 5}, 1, true});
  add(cases, {{5, 19}, {13, 19}, 0, true});
  add(cases, {{2, 5, 3}, {2, 4, 3}, 1, true});
  add(cases, {{7}, {3}, 0, false});
  add(cases, {{11, 17}, {2, 7}, 0, false});
  add(cases, {{101, 5}, {337}, 0, false});
  add(cases, {{3, 7, 5}, {4}, 1, false});
  add(cases, {{3, 7}, {}, 1, false});
  add(cases, {{3, 700}, {2, 3}, 0, false});
  add(cases, {{3, 7}, {0}, 0, false});
  add(cases, {{10000, 256}, {64, 32}, 0, false}, true);
  for (const auto& [shape, classes] :
       std::vector<std::pair<Shape, std::int64_t>>{{{5}, 3}, {{3, 7}, 11}, {{4}, 1}, {{}, 5}})
    cases.push_back(one_hot_case(shape, classes));
  return cases;
}

}  // namespace tessera::cases

// Addition with broadcasting in all directions.
#include <algorithm>

#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

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

Shape broadcast_shape(Shape a, Shape b) {
  const std::size_t rank = std::max(a.size(), b.size());
  a.insert(a.begin(), rank - a.size(), 1);
  b.insert(b.begin(), rank - b.size(), 1);
  for (std::size_t i = 0; i < rank; ++i)
    if (a[i] == 1) a[i] = b[i];
  return a;
}

Tensors add(const Tensors& inputs, std::int64_t every) {
  const HostTensor &a = inputs[0], &b = inputs[1];
  HostTensor y({DType::f32, broadcast_shape(a.spec.shape, b.spec.shape)});
  for (std::int64_t i = 0; i < y.size(); i += every)
    y[i] = a[broadcast_index(i, y.spec.shape, a.spec.shape)] +
           b[broadcast_index(i, y.spec.shape, b.spec.shape)];
  return {y};
}

Case add_case(const Shape& a, const Shape& b, bool bench_only = false) {
  Case c{"add",
         to_string(a) + " + " + to_string(b),
         {{"a", {DType::f32, a}}, {"b", {DType::f32, b}}},
         {},
         add};
  c.flops = static_cast<double>(element_count(broadcast_shape(a, b)));
  // The gradient of a repeated operand sums over the repetitions.
  c.gradient_tolerance = for_sum_of(static_cast<std::int64_t>(c.flops));
  c.bench_only = bench_only;
  return c;
}

}  // namespace

std::vector<Case> add_cases() {
  return {
      add_case({1}, {1}),
      add_case({17}, {17}),
      add_case({2, 3, 5, 7}, {2, 3, 5, 7}),
      add_case({1031}, {1}),
      add_case({1}, {37}),
      add_case({3, 5}, {5}),
      add_case({5}, {3, 5}),
      add_case({3, 5}, {3, 1}),
      add_case({3, 1}, {1, 5}),
      add_case({3, 1}, {5}),
      add_case({2, 3}, {}),
      add_case({2, 7, 5, 3}, {3}),
      add_case({2, 7, 5, 3}, {2, 1, 1, 3}),
      add_case({1, 7, 1, 3}, {2, 1, 5, 1}),
      add_case({2, 1, 3, 1, 2}, {4, 1, 5, 2}),
      add_case({2, 3, 2, 3, 2, 2}, {3, 1, 3, 1, 2}),
      add_case({0, 4}, {4}),
      add_case({64, 32, 32, 64}, {64, 32, 32, 64}, true),
      add_case({64, 32, 32, 64}, {64}, true),
  };
}

}  // namespace tessera::cases

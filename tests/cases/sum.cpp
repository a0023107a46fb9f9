// Sums over any axes.
#include <algorithm>

#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

using Axes = std::vector<std::int64_t>;

Shape summed(Shape shape, const Axes& axes) {
  for (std::int64_t axis : axes) shape[static_cast<std::size_t>(axis)] = 1;
  return shape;
}

Tensors sum(const HostTensor& x, const Axes& axes) {
  HostTensor y({DType::f32, summed(x.spec.shape, axes)});
  for (std::int64_t i = 0; i < x.size(); ++i) {
    std::int64_t rest = i, index = 0, stride = 1;
    for (std::size_t axis = x.spec.shape.size(); axis-- > 0;) {
      const std::int64_t place = rest % x.spec.shape[axis];
      rest /= x.spec.shape[axis];
      if (y.spec.shape[axis] != 1) index += place * stride;
      stride *= y.spec.shape[axis];
    }
    y[index] += x[i];
  }
  return {y};
}

Case sum_case(const Shape& shape, const Axes& axes, bool bench_only = false) {
  Case c{"sum",
         to_string(shape) + " over " + to_string(axes),
         {{"x", {DType::f32, shape}}},
         {{"axes", axes}},
         [axes](const Tensors& inputs, std::int64_t) { return sum(inputs[0], axes); }};
  c.flops = static_cast<double>(element_count(shape));
  const std::int64_t outputs = std::max<std::int64_t>(element_count(summed(shape, axes)), 1);
  c.tolerance = for_sum_of(element_count(shape) / outputs);
  c.bench_only = bench_only;
  return c;
}

}  // namespace

std::vector<Case> sum_cases() {
  return {
      sum_case({1}, {0}),
      sum_case({17}, {0}),
      sum_case({10007}, {0}),
      sum_case({5, 7}, {}),
      sum_case({5, 7}, {0}),
      sum_case({5, 7}, {1}),
      sum_case({5, 7}, {0, 1}),
      sum_case({1, 7}, {0}),
      sum_case({1031, 3}, {0}),
      sum_case({3, 1031}, {1}),
      sum_case({3, 7, 5, 11}, {0}),
      sum_case({3, 7, 5, 11}, {2}),
      sum_case({3, 7, 5, 11}, {3}),
      sum_case({3, 7, 5, 11}, {0, 2}),
      sum_case({3, 7, 5, 11}, {1, 3}),
      sum_case({3, 7, 5, 11}, {1, 2}),
      sum_case({3, 7, 5, 11}, {0, 1, 2}),
      sum_case({3, 7, 5, 11}, {0, 1, 2, 3}),
      sum_case({2, 3, 2, 3, 2}, {0, 2, 4}),
      sum_case({4, 28, 28, 6}, {0, 1, 2}),
      sum_case({0, 3}, {0}),
      sum_case({64, 32, 32, 64}, {0, 1, 2}, true),
      sum_case({64, 1000}, {0}, true),
      sum_case({1 << 22}, {0}, true),
  };
}

}  // namespace tessera::cases

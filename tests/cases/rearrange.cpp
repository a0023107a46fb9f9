// Pure data movements. Each reference says for every index of y which index of x it holds.
#include <fmt/format.h>

#include <numeric>

#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

using Index = std::vector<std::int64_t>;

std::int64_t flat(const Index& index, const Shape& shape) {
  std::int64_t i = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) i = i * shape[axis] + index[axis];
  return i;
}

/// The index of y -> the index of x, and whether there is one.
using Source = std::function<bool(const Index& y, Index& x)>;

Case copy_case(std::string op, std::string name, TensorSpec x, Shape y, Attributes attributes,
               Source source, double fill = 0) {
  const DType dtype = x.dtype;
  Case c{std::move(op),
         std::move(name),
         {{"x", std::move(x), dtype == DType::f32 ? uniform(-1, 1) : whole_numbers(0, 255)}},
         std::move(attributes),
         {}};
  c.reference = [=](const Tensors& inputs, std::int64_t every) -> Tensors {
    HostTensor result({dtype, y});
    for (std::int64_t i = 0; i < result.size(); i += every) {
      Index at(y.size()), from(inputs[0].spec.shape.size());
      std::int64_t rest = i;
      for (std::size_t axis = y.size(); axis-- > 0; rest /= y[axis]) at[axis] = rest % y[axis];
      result[i] = source(at, from) ? inputs[0][flat(from, inputs[0].spec.shape)] : fill;
    }
    return {result};
  };
  c.smooth = dtype == DType::f32;
  c.gradient_tolerance = for_sum_of(element_count(y));
  return c;
}

Case permute_case(const Shape& x, const Index& axes, DType dtype = DType::f32) {
  Shape y;
  for (std::int64_t axis : axes) y.push_back(x[static_cast<std::size_t>(axis)]);
  return copy_case("permute", to_string(x) + " by " + to_string(axes), {dtype, x}, y,
                   {{"axes", axes}}, [axes](const Index& at, Index& from) {
                     for (std::size_t i = 0; i < axes.size(); ++i)
                       from[static_cast<std::size_t>(axes[i])] = at[i];
                     return true;
                   });
}

Case flip_case(const Shape& x, const Index& axes, DType dtype = DType::f32) {
  return copy_case("flip", to_string(x) + " along " + to_string(axes), {dtype, x}, x,
                   {{"axes", axes}}, [=](const Index& at, Index& from) {
                     from = at;
                     for (std::int64_t axis : axes) {
                       const auto i = static_cast<std::size_t>(axis);
                       from[i] = x[i] - 1 - at[i];
                     }
                     return true;
                   });
}

struct Slice {
  std::int64_t axis, start, step, size;
  std::string text() const {
    return ", axis " + std::to_string(axis) + ", " + std::to_string(size) + " from " +
           std::to_string(start) + " by " + std::to_string(step);
  }
};

Case slice_case(const Shape& x, const Slice& s, DType dtype = DType::f32) {
  Shape y = x;
  const auto axis = static_cast<std::size_t>(s.axis);
  y[axis] = s.size;
  return copy_case("slice", to_string(x) + s.text(), {dtype, x}, y,
                   {{"axis", s.axis}, {"start", s.start}, {"step", s.step}, {"size", s.size}},
                   [=](const Index& at, Index& from) {
                     from = at;
                     from[axis] = s.start + at[axis] * s.step;
                     return true;
                   });
}

Case slice_dx_case(const Shape& dx, const Slice& s) {
  Shape dy = dx;
  const auto axis = static_cast<std::size_t>(s.axis);
  dy[axis] = s.size;
  return copy_case("slice_dx", to_string(dx) + s.text(), {DType::f32, dy}, dx,
                   {{"axis", s.axis},
                    {"start", s.start},
                    {"step", s.step},
                    {"size", s.size},
                    {"input_size", dx[axis]}},
                   [=](const Index& at, Index& from) {
                     for (std::int64_t i = 0; i < s.size; ++i) {
                       from = at;
                       from[axis] = i;
                       if (at[axis] == s.start + i * s.step) return true;
                     }
                     return false;
                   });
}

Case pad_case(const Shape& x, const Index& before, const Index& after, double value = 0,
              DType dtype = DType::f32) {
  Shape y = x;
  for (std::size_t i = 0; i < y.size(); ++i) y[i] += before[i] + after[i];
  return copy_case(
      "pad", to_string(x) + " by " + to_string(before) + " and " + to_string(after), {dtype, x}, y,
      {{"before", before}, {"after", after}, {"value", value}},
      [=](const Index& at, Index& from) {
        for (std::size_t i = 0; i < at.size(); ++i) {
          from[i] = at[i] - before[i];
          if (from[i] < 0 || from[i] >= x[i]) return false;
        }
        return true;
      },
      value);
}

Case expand_case(const Shape& x, const Shape& y, DType dtype = DType::f32) {
  return copy_case("expand", to_string(x) + " to " + to_string(y), {dtype, x}, y, {{"shape", y}},
                   [=](const Index& at, Index& from) {
                     const std::size_t extra = at.size() - x.size();
                     for (std::size_t i = 0; i < x.size(); ++i)
                       from[i] = x[i] == 1 ? 0 : at[i + extra];
                     return true;
                   });
}

Case concat_case(const Shape& first, std::size_t axis, const Index& sizes,
                 DType dtype = DType::f32) {
  Case c{"concat",
         to_string(first) + ", axis " + std::to_string(axis) + ", sizes " + to_string(sizes),
         {},
         {{"axis", static_cast<std::int64_t>(axis)}},
         {}};
  Shape y = first;
  y[axis] = std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    Shape x = first;
    x[axis] = sizes[i];
    c.inputs.push_back({fmt::format("x{}", i),
                        {dtype, x},
                        dtype == DType::f32 ? uniform(-1, 1) : whole_numbers(0, 255)});
  }
  c.reference = [=](const Tensors& inputs, std::int64_t every) -> Tensors {
    HostTensor result({dtype, y});
    for (std::int64_t i = 0; i < result.size(); i += every) {
      Index at(y.size());
      std::int64_t rest = i;
      for (std::size_t d = y.size(); d-- > 0; rest /= y[d]) at[d] = rest % y[d];
      std::size_t input = 0;
      while (at[axis] >= sizes[input]) at[axis] -= sizes[input++];
      result[i] = inputs[input][flat(at, inputs[input].spec.shape)];
    }
    return {result};
  };
  c.smooth = dtype == DType::f32;
  return c;
}

}  // namespace

std::vector<Case> rearrange_cases() {
  std::vector<Case> cases = {
      permute_case({}, {}),
      permute_case({5}, {0}),
      permute_case({7, 13}, {1, 0}),
      permute_case({2, 3, 5, 7}, {0, 1, 2, 3}),
      permute_case({2, 5, 7, 3}, {0, 3, 1, 2}),
      permute_case({2, 3, 5, 7}, {0, 2, 3, 1}),
      permute_case({2, 3, 1, 19}, {2, 1, 0, 3}),
      permute_case({3, 2, 5, 2, 3, 2}, {5, 1, 3, 0, 4, 2}),
      permute_case({131, 37}, {1, 0}, DType::u8),
      permute_case({3, 5, 2}, {2, 0, 1}, DType::i32),
      permute_case({0, 3}, {1, 0}),
      flip_case({2, 5, 7, 3}, {2}),
      flip_case({3, 4, 5}, {0, 1, 2}, DType::u8),
      flip_case({3, 17}, {1, 0}),
      slice_case({37}, {0, 3, 1, 19}),
      slice_case({5, 7, 3}, {1, 2, 2, 3}),
      slice_case({5, 7, 3}, {0, 1, 3, 2}),
      slice_case({4, 41}, {1, 40, 1, 1}),
      slice_case({4, 41}, {1, 0, 5, 9}, DType::u8),
      slice_case({4, 5}, {1, 3, 1, 0}),
      slice_dx_case({37}, {0, 3, 1, 19}),
      slice_dx_case({5, 7, 3}, {1, 2, 2, 3}),
      slice_dx_case({5, 4, 23}, {2, 1, 3, 7}),
      slice_dx_case({5, 3}, {0, 0, 1, 0}),
      pad_case({5}, {1}, {2}, 3.5),
      pad_case({2, 5, 7, 3}, {0, 1, 2, 0}, {0, 3, 0, 0}),
      pad_case({2, 5, 7, 3}, {0, 2, 2, 0}, {0, 2, 2, 0}, 7, DType::u8),
      pad_case({2, 5, 7, 3}, {0, -1, -2, 0}, {1, 2, -1, 0}, -1),
      pad_case({2, 3}, {1, 1}, {1, 1}, -2, DType::i32),
      pad_case({3, 4}, {-5, 0}, {4, 17}),
      pad_case({0, 3}, {2, 0}, {0, 1}, 0.5),
      expand_case({3, 1}, {3, 5}),
      expand_case({1, 7}, {2, 5, 7}),
      expand_case({}, {4, 19}),
      expand_case({2, 1, 3, 1}, {2, 3, 3, 5}, DType::i32),
      expand_case({2, 3}, {2, 3}),
      concat_case({2, 5, 3}, 1, {5}),
      concat_case({2, 5, 3}, 1, {2, 1, 4}),
      concat_case({2, 3, 1, 1}, 3, {1, 1, 1}),
      concat_case({7, 3}, 0, {1, 0, 17}),
      concat_case({2, 5, 5, 8}, 3, {8, 16, 3}),
      concat_case({3, 4}, 1, {4, 2}, DType::u8),
  };
  const std::size_t small = cases.size();
  cases.push_back(permute_case({64, 32, 32, 64}, {0, 3, 1, 2}));
  cases.push_back(slice_case({64, 32, 32, 64}, {2, 1, 2, 15}));
  cases.push_back(pad_case({64, 32, 32, 64}, {0, 2, 2, 0}, {0, 2, 2, 0}));
  cases.push_back(concat_case({64, 32, 32, 64}, 3, {64, 32}));
  for (std::size_t i = small; i < cases.size(); ++i) cases[i].bench_only = true;
  return cases;
}

}  // namespace tessera::cases

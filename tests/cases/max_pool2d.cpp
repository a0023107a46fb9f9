// Maxima over windows and their gradient.
#include <cmath>
#include <limits>

#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Pairs are rows and columns; the window has R x S elements.
struct Pooling {
  std::int64_t N, H, W, C;
  std::vector<std::int64_t> kernel = {2, 2}, stride = {2, 2}, padding = {0, 0};
  bool ceil_mode = false;

  std::int64_t P() const { return windows(0, H); }
  std::int64_t Q() const { return windows(1, W); }
  /// Windows that lie inside of the padded input, and with ceil_mode a next one that starts inside.
  std::int64_t windows(std::size_t axis, std::int64_t size) const {
    std::int64_t count = 0, start = -padding[axis];
    for (; start + kernel[axis] <= size + padding[axis]; start += stride[axis]) ++count;
    const std::int64_t reached = start - stride[axis] + kernel[axis];
    return ceil_mode && reached < size + padding[axis] && start < size ? count + 1 : count;
  }
  Shape x() const { return {N, H, W, C}; }
  Shape y() const { return {N, P(), Q(), C}; }

  /// Where in x the element `place` of the window of output i stands; -1: in the padding.
  std::int64_t source(std::int64_t i, std::int64_t place) const {
    const std::int64_t c = i % C, q = i / C % Q(), p = i / C / Q() % P(), n = i / C / Q() / P();
    const std::int64_t h = p * stride[0] - padding[0] + place / kernel[1];
    const std::int64_t w = q * stride[1] - padding[1] + place % kernel[1];
    if (h < 0 || h >= H || w < 0 || w >= W) return -1;
    return ((n * H + h) * W + w) * C + c;
  }
};

Tensors max_pool2d(const HostTensor& x, const Pooling& g) {
  HostTensor y({DType::f32, g.y()}), index({DType::u8, g.y()});
  for (std::int64_t i = 0; i < y.size(); ++i) {
    bool found = false;
    for (std::int64_t place = 0; place < g.kernel[0] * g.kernel[1]; ++place) {
      const std::int64_t from = g.source(i, place);
      if (from < 0) continue;
      if (found && !(x[from] > y[i]) && !std::isnan(x[from])) continue;
      if (found && std::isnan(y[i])) continue;
      y[i] = x[from];
      index[i] = static_cast<double>(place);
      found = true;
    }
  }
  return {y, index};
}

Tensors max_pool2d_dx(const Tensors& inputs, const Pooling& g) {
  HostTensor dx({DType::f32, g.x()});
  for (std::int64_t i = 0; i < inputs[0].size(); ++i)
    dx[g.source(i, static_cast<std::int64_t>(inputs[1][i]))] += inputs[0][i];
  return {dx};
}

Case forward_case(std::string name, const Pooling& g, Fill fill = distinct()) {
  Case c{"max_pool2d",
         std::move(name),
         {{"x", {DType::f32, g.x()}, std::move(fill)}},
         {{"kernel", g.kernel},
          {"stride", g.stride},
          {"padding", g.padding},
          {"ceil_mode", std::int64_t{g.ceil_mode}}},
         [g](const Tensors& inputs, std::int64_t) { return max_pool2d(inputs[0], g); }};
  c.flops = static_cast<double>(element_count(g.y()) * g.kernel[0] * g.kernel[1]);
  c.tolerance = {0, 0};
  return c;
}

Case special_case(std::string name, const Pooling& g, std::vector<double> values) {
  Case c = forward_case(std::move(name), g, repeated(std::move(values)));
  c.smooth = false;
  return c;
}

/// A random place of each window that is not in the padding.
Fill places(const Pooling& g) {
  return [g](HostTensor& index, Philox& random) {
    const auto size = static_cast<std::uint32_t>(g.kernel[0] * g.kernel[1]);
    for (std::int64_t i = 0; i < index.size(); ++i) do
        index[i] = random.below(size);
      while (g.source(i, static_cast<std::int64_t>(index[i])) < 0);
  };
}

Case dx_case(std::string name, const Pooling& g) {
  Case c{"max_pool2d_dx",
         std::move(name),
         {{"dy", {DType::f32, g.y()}}, {"index", {DType::u8, g.y()}, places(g)}},
         {{"kernel", g.kernel},
          {"stride", g.stride},
          {"padding", g.padding},
          {"ceil_mode", std::int64_t{g.ceil_mode}},
          {"input_size", std::vector<std::int64_t>{g.H, g.W}}},
         [g](const Tensors& inputs, std::int64_t) { return max_pool2d_dx(inputs, g); }};
  c.flops = static_cast<double>(element_count(g.x()));
  return c;
}

/// Along one axis: which elements each window looks at.
using AxisWindows = std::vector<std::vector<std::int64_t>>;

AxisWindows dilated(std::int64_t size, std::int64_t kernel, std::int64_t stride,
                    std::int64_t padding, std::int64_t dilation) {
  AxisWindows windows;
  for (std::int64_t start = -padding; start + dilation * (kernel - 1) < size + padding;
       start += stride) {
    windows.emplace_back();
    for (std::int64_t r = 0; r < kernel; ++r)
      if (const std::int64_t i = start + r * dilation; i >= 0 && i < size)
        windows.back().push_back(i);
  }
  return windows;
}

AxisWindows adaptive(std::int64_t size, std::int64_t outputs) {
  AxisWindows windows(static_cast<std::size_t>(outputs));
  for (std::int64_t p = 0; p < outputs; ++p)
    for (std::int64_t i = 0; i < size; ++i)
      // i lies in [p*size/outputs, (p+1)*size/outputs), both borders rounded away
      if ((i + 1) * outputs > p * size && i * outputs < (p + 1) * size)
        windows[static_cast<std::size_t>(p)].push_back(i);
  return windows;
}

/// Any windows: max_pool2d_windows. A case runs its gradient too.
Case windows_case(std::string name, const Shape& x, Attributes attributes, AxisWindows rows,
                  AxisWindows columns, Fill fill = distinct()) {
  Case c{"max_pool2d_windows",
         std::move(name),
         {{"x", {DType::f32, x}, std::move(fill)}},
         std::move(attributes),
         {}};
  c.reference = [=](const Tensors& inputs, std::int64_t) {
    const auto P = static_cast<std::int64_t>(rows.size()),
               Q = static_cast<std::int64_t>(columns.size());
    HostTensor y({DType::f32, {x[0], P, Q, x[3]}}), index({DType::i32, y.spec.shape});
    for (std::int64_t i = 0; i < y.size(); ++i) {
      y[i] = -HUGE_VAL;
      for (std::int64_t h : rows[static_cast<std::size_t>(i / x[3] / Q % P)])
        for (std::int64_t w : columns[static_cast<std::size_t>(i / x[3] % Q)]) {
          const double value =
              inputs[0][((i / x[3] / Q / P * x[1] + h) * x[2] + w) * x[3] + i % x[3]];
          if (std::isnan(y[i]) || !(value > y[i] || std::isnan(value))) continue;
          y[i] = value;
          index[i] = static_cast<double>(h * x[2] + w);
        }
    }
    return Tensors{y, index};
  };
  c.tolerance = {0, 0};
  return c;
}

Case dilated_case(const Shape& x, const Pooling& g, std::vector<std::int64_t> dilation) {
  const auto axis = [&](std::size_t i) {
    return dilated(x[i + 1], g.kernel[i], g.stride[i], g.padding[i], dilation[i]);
  };
  return windows_case("dilated by " + to_string(dilation) + ", " + to_string(x), x,
                      {{"kernel", g.kernel},
                       {"stride", g.stride},
                       {"padding", g.padding},
                       {"dilation", dilation},
                       {"ceil_mode", std::int64_t{0}}},
                      axis(0), axis(1));
}

Case adaptive_case(const Shape& x, std::int64_t P, std::int64_t Q, Fill fill = distinct()) {
  return windows_case("adaptive, " + to_string(x) + " to " + to_string(Shape{P, Q}), x,
                      {{"output_size", std::vector<std::int64_t>{P, Q}}}, adaptive(x[1], P),
                      adaptive(x[2], Q), std::move(fill));
}

}  // namespace

std::vector<Case> max_pool2d_cases() {
  const Pooling overlapping{2, 9, 11, 3, {3, 3}, {2, 2}, {1, 1}};
  const Pooling sparse{1, 11, 13, 5, {2, 2}, {3, 4}};
  const Pooling uneven{2, 7, 12, 3, {3, 4}, {1, 2}, {0, 2}};
  const Pooling conv1{64, 28, 28, 6}, conv2{64, 10, 10, 16}, large{64, 32, 32, 64};
  Case nan_windows = adaptive_case({1, 5, 5, 3}, 2, 2, repeated({1, nan, 3, 2, 5, -1, 0}));
  nan_windows.name += ", NaN wins";
  nan_windows.smooth = false;
  std::vector<Case> cases = {
      forward_case("one element", {1, 1, 1, 1, {1, 1}, {1, 1}}),
      forward_case("2x2", {2, 6, 8, 3}),
      forward_case("2x2, odd sizes leave a rest", {1, 7, 5, 7}),
      forward_case("overlapping 3x3, padding 1", overlapping),
      forward_case("stride skips elements", sparse),
      forward_case("rows unlike columns", uneven),
      forward_case("the whole image", {3, 7, 5, 2, {7, 5}, {1, 1}}),
      forward_case("16x16 window", {1, 17, 16, 1, {16, 16}, {1, 1}}),
      forward_case("tutorial pool2", {4, 10, 10, 16}),
      special_case("ties", overlapping, {1, 0, 1, 1, 2, 2, 0}),
      special_case("all equal", {1, 5, 5, 2, {3, 3}, {1, 1}, {1, 1}}, {-4}),
      special_case("all minus infinity", overlapping, {-HUGE_VAL}),
      special_case("NaN wins", {1, 8, 8, 1}, {1, nan, 3, 2, 5, -1, 0, 7, 4, 2, 6, 3, 9}),
      special_case("negative numbers in the padding's shadow", overlapping, {-5, -3, -8}),
      dx_case("dx, 2x2", {2, 6, 8, 3}),
      dx_case("dx, odd sizes leave a rest", {1, 7, 5, 7}),
      dx_case("dx, overlapping 3x3, padding 1", overlapping),
      dx_case("dx, stride skips elements", sparse),
      dx_case("dx, rows unlike columns", uneven),
      dx_case("dx, as many elements as columns, but shifted by the padding",
              {1, 8, 16, 6, {1, 4}, {1, 4}, {0, 1}}),
      forward_case("ceil mode", {2, 8, 7, 5, {3, 2}, {2, 3}, {1, 0}, true}),
      forward_case("ceil mode, fewer rows than the window",
                   {2, 1, 6, 5, {2, 3}, {2, 3}, {0, 0}, true}),
      forward_case("ceil mode, no last window in the padding",
                   {1, 6, 5, 17, {2, 3}, {3, 2}, {1, 1}, true}),
      dx_case("dx, ceil mode", {2, 8, 8, 3, {3, 3}, {2, 2}, {0, 0}, true}),
      dx_case("dx, ceil mode, no overlap", {2, 7, 9, 3, {2, 2}, {2, 2}, {0, 0}, true}),
      dilated_case({2, 9, 11, 3}, {0, 0, 0, 0, {3, 2}, {2, 1}, {1, 1}}, {2, 3}),
      dilated_case({1, 8, 9, 17}, {0, 0, 0, 0, {3, 3}, {1, 2}, {1, 1}}, {3, 1}),
      dilated_case({1, 33, 19, 2}, {0, 0, 0, 0, {31, 17}, {1, 1}, {3, 0}}, {1, 1}),
      adaptive_case({2, 7, 10, 16}, 3, 4),
      adaptive_case({1, 3, 2, 6}, 7, 5),
      adaptive_case({3, 7, 5, 33}, 1, 1),
      nan_windows,
      forward_case("tutorial pool1, batch 64", conv1, uniform(-1, 1)),
      dx_case("tutorial pool1, batch 64", conv1),
      forward_case("tutorial pool2, batch 64", conv2, uniform(-1, 1)),
      dx_case("tutorial pool2, batch 64", conv2),
      forward_case("N64 H32 C64", large, uniform(-1, 1)),
      dx_case("N64 H32 C64", large),
  };
  for (std::size_t i = cases.size() - 6; i < cases.size(); ++i) cases[i].bench_only = true;
  return cases;
}

}  // namespace tessera::cases

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

  std::int64_t P() const { return (H + 2 * padding[0] - kernel[0]) / stride[0] + 1; }
  std::int64_t Q() const { return (W + 2 * padding[1] - kernel[1]) / stride[1] + 1; }
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
         {{"kernel", g.kernel}, {"stride", g.stride}, {"padding", g.padding}},
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
          {"input_size", std::vector<std::int64_t>{g.H, g.W}}},
         [g](const Tensors& inputs, std::int64_t) { return max_pool2d_dx(inputs, g); }};
  c.flops = static_cast<double>(element_count(g.x()));
  return c;
}

}  // namespace

std::vector<Case> max_pool2d_cases() {
  const Pooling overlapping{2, 9, 11, 3, {3, 3}, {2, 2}, {1, 1}};
  const Pooling sparse{1, 11, 13, 5, {2, 2}, {3, 4}};
  const Pooling uneven{2, 7, 12, 3, {3, 4}, {1, 2}, {0, 2}};
  const Pooling conv1{64, 28, 28, 6}, conv2{64, 10, 10, 16}, large{64, 32, 32, 64};
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

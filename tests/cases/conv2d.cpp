// Convolutions and their two gradients.
#include <algorithm>
#include <cmath>

#include "tests/cases/case.h"

namespace tessera::cases {
namespace {

/// Pairs are rows and columns, padding may also be top, bottom, left, right; K filters of R x S
/// over C channels in `groups`.
struct Convolution {
  std::int64_t N, H, W, C, K, R, S;
  std::vector<std::int64_t> stride = {1, 1}, padding = {0, 0}, dilation = {1, 1};
  std::int64_t groups = 1;
  bool bias = false;

  std::int64_t top() const { return padding[0]; }
  std::int64_t bottom() const { return padding[padding.size() == 4 ? 1 : 0]; }
  std::int64_t left() const { return padding[padding.size() == 4 ? 2 : 1]; }
  std::int64_t right() const { return padding.back(); }
  std::int64_t P() const {
    return (H + top() + bottom() - dilation[0] * (R - 1) - 1) / stride[0] + 1;
  }
  std::int64_t Q() const {
    return (W + left() + right() - dilation[1] * (S - 1) - 1) / stride[1] + 1;
  }
  TensorSpec x() const { return {DType::f32, {N, H, W, C}}; }
  TensorSpec w() const { return {DType::f32, {K, R, S, C / groups}}; }
  TensorSpec y() const { return {DType::f32, {N, P(), Q(), K}}; }
  double flops() const {
    return 2.0 * static_cast<double>(N * P() * Q() * K) * static_cast<double>(R * S * (C / groups));
  }
  Attributes attributes() const {
    return {{"stride", stride},
            {"padding", std::vector<std::int64_t>{top(), bottom(), left(), right()}},
            {"dilation", dilation},
            {"groups", groups}};
  }
  Attributes attributes_with(const char* size, std::vector<std::int64_t> value) const {
    auto all = attributes().all();
    all[size] = std::move(value);
    return Attributes(std::move(all));
  }

  /// The row (or column) of x that tap `tap` of output row `out` reads; outside means padding.
  std::int64_t row(std::int64_t out, std::int64_t tap) const {
    return out * stride[0] + tap * dilation[0] - top();
  }
  std::int64_t column(std::int64_t out, std::int64_t tap) const {
    return out * stride[1] + tap * dilation[1] - left();
  }
  bool inside(std::int64_t h, std::int64_t w_column) const {
    return h >= 0 && h < H && w_column >= 0 && w_column < W;
  }
  std::int64_t x_index(std::int64_t n, std::int64_t h, std::int64_t column, std::int64_t c) const {
    return ((n * H + h) * W + column) * C + c;
  }
  std::int64_t w_index(std::int64_t k, std::int64_t r, std::int64_t s, std::int64_t c) const {
    return ((k * R + r) * S + s) * (C / groups) + c;
  }
  std::int64_t y_index(std::int64_t n, std::int64_t p, std::int64_t q, std::int64_t k) const {
    return ((n * P() + p) * Q() + q) * K + k;
  }
};

Tensors conv2d(const Tensors& inputs, std::int64_t every, const Convolution& g) {
  const HostTensor &x = inputs[0], &w = inputs[1];
  HostTensor y(g.y());
  const std::int64_t depth = g.C / g.groups, P = g.P(), Q = g.Q();
  for (std::int64_t i = 0; i < y.size(); i += every) {
    const std::int64_t k = i % g.K, q = i / g.K % Q, p = i / g.K / Q % P, n = i / g.K / Q / P;
    const std::int64_t first = k / (g.K / g.groups) * depth;
    double total = g.bias ? inputs[2][k] : 0;
    for (std::int64_t r = 0; r < g.R; ++r)
      for (std::int64_t s = 0; s < g.S; ++s) {
        if (!g.inside(g.row(p, r), g.column(q, s))) continue;
        const std::int64_t from = g.x_index(n, g.row(p, r), g.column(q, s), first);
        for (std::int64_t c = 0; c < depth; ++c) total += x[from + c] * w[g.w_index(k, r, s, c)];
      }
    y[i] = total;
  }
  return {y};
}

/// Each element of dx asks every tap of every output whether it has read it.
Tensors conv2d_dx(const Tensors& inputs, std::int64_t every, const Convolution& g) {
  const HostTensor &dy = inputs[0], &w = inputs[1];
  HostTensor dx(g.x());
  const std::int64_t depth = g.C / g.groups, filters = g.K / g.groups;
  for (std::int64_t i = 0; i < dx.size(); i += every) {
    const std::int64_t c = i % g.C, column = i / g.C % g.W, h = i / g.C / g.W % g.H;
    const std::int64_t n = i / g.C / g.W / g.H, group = c / depth;
    for (std::int64_t r = 0; r < g.R; ++r)
      for (std::int64_t p = 0; p < g.P(); ++p) {
        if (g.row(p, r) != h) continue;
        for (std::int64_t s = 0; s < g.S; ++s)
          for (std::int64_t q = 0; q < g.Q(); ++q) {
            if (g.column(q, s) != column) continue;
            for (std::int64_t k = group * filters; k < (group + 1) * filters; ++k)
              dx[i] += dy[g.y_index(n, p, q, k)] * w[g.w_index(k, r, s, c % depth)];
          }
      }
  }
  return {dx};
}

Tensors conv2d_dw(const Tensors& inputs, std::int64_t every, const Convolution& g) {
  const HostTensor &x = inputs[0], &dy = inputs[1];
  HostTensor dw(g.w());
  const std::int64_t depth = g.C / g.groups;
  for (std::int64_t i = 0; i < dw.size(); i += every) {
    const std::int64_t c = i % depth, s = i / depth % g.S, r = i / depth / g.S % g.R;
    const std::int64_t k = i / depth / g.S / g.R;
    const std::int64_t channel = k / (g.K / g.groups) * depth + c;
    for (std::int64_t n = 0; n < g.N; ++n)
      for (std::int64_t p = 0; p < g.P(); ++p)
        for (std::int64_t q = 0; q < g.Q(); ++q)
          if (g.inside(g.row(p, r), g.column(q, s)))
            dw[i] +=
                x[g.x_index(n, g.row(p, r), g.column(q, s), channel)] * dy[g.y_index(n, p, q, k)];
  }
  return {dw};
}

/// Sums over the taps of 3x3 filters may be Winograd's, whose transforms lose some of the digits.
Tolerance for_taps(const Convolution& g, std::int64_t terms) {
  const bool may_transform = g.R == 3 && g.S == 3 && g.stride == std::vector<std::int64_t>{1, 1};
  return for_sum_of(may_transform ? 3 * terms : terms);
}

Case forward_case(const std::string& name, const Convolution& g) {
  Case c{"conv2d",
         name,
         {{"x", g.x()}, {"w", g.w(), uniform(-1, 1), Role::parameter}},
         g.attributes(),
         [g](const Tensors& inputs, std::int64_t every) { return conv2d(inputs, every, g); }};
  if (g.bias) c.inputs.push_back({"b", {DType::f32, {g.K}}, uniform(-1, 1), Role::parameter});
  c.flops = g.flops();
  c.tolerance = for_taps(g, g.R * g.S * g.C / g.groups);
  c.gradient_tolerance = for_taps(g, std::max(g.N * g.P() * g.Q(), g.R * g.S * g.K / g.groups));
  return c;
}

Case dx_case(const std::string& name, const Convolution& g) {
  Case c{"conv2d_dx",
         name,
         {{"y", g.y()}, {"w", g.w(), uniform(-1, 1), Role::parameter}},
         g.attributes_with("input_size", {g.H, g.W}),
         [g](const Tensors& inputs, std::int64_t every) { return conv2d_dx(inputs, every, g); }};
  c.flops = g.flops();
  c.tolerance = for_taps(g, g.R * g.S * g.K / g.groups);
  c.gradient_tolerance = for_taps(g, std::max(g.N * g.H * g.W, g.R * g.S * g.C / g.groups));
  return c;
}

Case dw_case(const std::string& name, const Convolution& g) {
  Case c{"conv2d_dw",
         name,
         {{"x", g.x()}, {"dy", g.y()}},
         g.attributes_with("kernel_size", {g.R, g.S}),
         [g](const Tensors& inputs, std::int64_t every) { return conv2d_dw(inputs, every, g); }};
  c.flops = g.flops();
  c.tolerance = for_sum_of(g.N * g.P() * g.Q());
  return c;
}

struct Named {
  const char* name;
  Convolution g;
};

const std::vector<Named>& small_convolutions() {
  static const std::vector<Named> list = {
      {"everything 1", {1, 1, 1, 1, 1, 1, 1}},
      {"1x1, C=3 K=6", {2, 5, 7, 3, 6, 1, 1}},
      {"1x1, stride 2, C=5 K=7", {1, 7, 9, 5, 7, 1, 1, {2, 2}}},
      {"1x1, C=24 K=48, bias", {1, 9, 7, 24, 48, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1, true}},
      {"1x1, many pixels, C=40 K=77", {2, 19, 32, 40, 77, 1, 1}},
      {"1x1, padding 1, bias", {1, 3, 5, 2, 3, 1, 1, {1, 1}, {1, 1}, {1, 1}, 1, true}},
      {"3x3, padding 1, C=3 K=5, bias", {2, 7, 5, 3, 5, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1, true}},
      {"3x3, padding 1, C=16 K=32", {1, 9, 11, 16, 32, 3, 3, {1, 1}, {1, 1}}},
      {"3x3, padding 1, C=17 K=33", {2, 5, 7, 17, 33, 3, 3, {1, 1}, {1, 1}}},
      {"3x3, many tiles and blocks, bias",
       {7, 22, 25, 35, 42, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1, true}},
      {"3x3, padding on two sides, C=34 K=32", {3, 18, 15, 34, 32, 3, 3, {1, 1}, {2, 0, 0, 1}}},
      {"3x3, padding 1, many pixels and channels", {1, 17, 31, 34, 36, 3, 3, {1, 1}, {1, 1}}},
      {"3x3, many images of 2 columns, bias",
       {11, 9, 2, 34, 37, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1, true}},
      {"3x3, more pixels than weights, C=32 K=33", {4, 29, 27, 32, 33, 3, 3, {1, 1}, {1, 1}}},
      {"3x3, fewer pixels than weights, C=37 K=131, bias",
       {1, 7, 6, 37, 131, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1, true}},
      {"3x3, stride 2, fewer pixels than weights, 2 groups",
       {1, 7, 7, 132, 38, 3, 3, {2, 2}, {1, 1}, {1, 1}, 2}},
      {"3x3, stride 2, padding 1", {3, 11, 13, 5, 7, 3, 3, {2, 2}, {1, 1}}},
      {"3x3, stride 3 skips columns", {1, 11, 11, 2, 3, 3, 3, {3, 4}}},
      {"2x2, stride 3 leaves gaps", {2, 11, 8, 3, 2, 2, 2, {3, 3}}},
      {"3x3, dilation 2, padding 2", {1, 9, 7, 3, 5, 3, 3, {1, 1}, {2, 2}, {2, 2}}},
      {"rows unlike columns", {2, 13, 11, 3, 6, 3, 5, {2, 1}, {0, 3}, {1, 2}, 1, true}},
      {"columns unlike rows", {1, 8, 17, 2, 3, 4, 1, {1, 3}, {2, 0}, {2, 1}}},
      {"5x5, padding larger than half", {1, 4, 3, 2, 3, 5, 5, {1, 1}, {4, 4}}},
      {"filter as large as the input", {3, 5, 7, 2, 11, 5, 7}},
      {"2 groups", {2, 7, 5, 6, 10, 3, 3, {1, 1}, {1, 1}, {1, 1}, 2, true}},
      {"3 groups, stride 2, dilation 2", {1, 11, 9, 9, 6, 3, 3, {2, 2}, {2, 1}, {2, 2}, 3}},
      {"depthwise, C=7", {2, 7, 5, 7, 7, 3, 3, {1, 1}, {1, 1}, {1, 1}, 7, true}},
      {"depthwise, stride 2, C=32", {1, 9, 9, 32, 32, 3, 3, {2, 2}, {1, 1}, {1, 1}, 32}},
      {"depthwise, two filters a channel", {1, 5, 5, 3, 6, 3, 3, {1, 1}, {1, 1}, {1, 1}, 3}},
      {"depthwise, stride 2 1, dilation 1 3, C=70",
       {2, 9, 11, 70, 70, 3, 2, {2, 1}, {2, 1}, {1, 3}, 70, true}},
      {"depthwise, three filters a channel, C=19",
       {1, 8, 7, 19, 57, 5, 3, {1, 2}, {2, 1}, {1, 1}, 19, true}},
      {"depthwise, more filters than pixels, stride 3",
       {3, 4, 4, 5, 80, 2, 2, {3, 3}, {0, 0}, {1, 1}, 5}},
      {"depthwise, C=12", {2, 5, 7, 12, 12, 3, 3, {1, 1}, {1, 1}, {1, 1}, 12, true}},
      {"depthwise 5x5, padding on one side, C=48",
       {1, 6, 9, 48, 48, 5, 5, {1, 1}, {3, 0, 2, 4}, {1, 1}, 48}},
      {"depthwise, rows unlike columns, C=8",
       {3, 9, 6, 8, 8, 2, 4, {1, 1}, {0, 0}, {1, 1}, 8, true}},
      {"depthwise, many rows, C=64", {4, 20, 20, 64, 64, 3, 3, {1, 1}, {1, 1}, {1, 1}, 64}},
      {"padding on one side", {2, 6, 7, 3, 5, 2, 3, {1, 1}, {0, 1, 2, 0}}},
      {"padding on each side, stride 2",
       {1, 7, 6, 4, 3, 4, 3, {2, 2}, {1, 2, 0, 3}, {1, 2}, 1, true}},
      {"depthwise, padding on one side", {2, 6, 5, 18, 18, 4, 2, {1, 1}, {2, 1, 0, 1}, {1, 1}, 18}},
      {"many images", {131, 3, 3, 1, 2, 2, 2}},
      {"no channels, bias", {2, 8, 7, 0, 16, 3, 5, {1, 1}, {1, 1}, {1, 1}, 1, true}},
      {"no images, bias", {0, 8, 7, 5, 16, 3, 5, {1, 1}, {1, 1}, {1, 1}, 1, true}},
      {"depthwise, no images, C=18", {0, 6, 5, 18, 18, 3, 3, {1, 1}, {1, 1}, {1, 1}, 18}},
      {"depthwise, no images, stride 2", {0, 6, 5, 4, 8, 3, 3, {2, 2}, {1, 1}, {1, 1}, 4}},
      {"tutorial conv1", {4, 32, 32, 3, 6, 5, 5, {1, 1}, {0, 0}, {1, 1}, 1, true}},
      {"tutorial conv2", {4, 14, 14, 6, 16, 5, 5, {1, 1}, {0, 0}, {1, 1}, 1, true}},
  };
  return list;
}

/// The shapes at which the project is held against other libraries.
const std::vector<Named>& large_convolutions() {
  static const std::vector<Named> list = {
      {"N64 C64 H32 K64 3x3", {64, 32, 32, 64, 64, 3, 3, {1, 1}, {1, 1}}},
      {"N64 C128 H16 K128 3x3", {64, 16, 16, 128, 128, 3, 3, {1, 1}, {1, 1}}},
      {"N64 C256 H8 K256 3x3", {64, 8, 8, 256, 256, 3, 3, {1, 1}, {1, 1}}},
      {"N64 C512 H4 K512 3x3", {64, 4, 4, 512, 512, 3, 3, {1, 1}, {1, 1}}},
      {"N128 C512 H2 K512 3x3", {128, 2, 2, 512, 512, 3, 3, {1, 1}, {1, 1}}},
      {"N16 C64 H56 K64 1x1", {16, 56, 56, 64, 64, 1, 1}},
      {"N16 C3 H224 K64 7x7 stride 2", {16, 224, 224, 3, 64, 7, 7, {2, 2}, {3, 3}}},
      {"depthwise N64 C128 H16 3x3", {64, 16, 16, 128, 128, 3, 3, {1, 1}, {1, 1}, {1, 1}, 128}},
      {"tutorial conv1, batch 64", {64, 32, 32, 3, 6, 5, 5, {1, 1}, {0, 0}, {1, 1}, 1, true}},
      {"tutorial conv2, batch 64", {64, 14, 14, 6, 16, 5, 5, {1, 1}, {0, 0}, {1, 1}, 1, true}},
  };
  return list;
}

}  // namespace

std::vector<Case> conv2d_cases() {
  std::vector<Case> cases;
  // What every algorithm does to its sums before it stores them. Where some of many results lie at
  // the kink of an activation, finite differences say nothing.
  const std::vector<std::int64_t> one = {1, 1};
  const auto fused = [&](std::string name, const Convolution& g, bool residual, double most,
                         bool smooth = true) {
    cases.push_back(with_epilogue(forward_case("epilogue: " + name, g), residual, most));
    cases.back().smooth = smooth;
  };
  fused("bias and relu, C=3 K=6", {2, 9, 7, 3, 6, 3, 3, one, one, one, 1, true}, false, HUGE_VAL);
  fused("residual, C=5 K=17", {2, 7, 5, 5, 17, 3, 3, {2, 2}, one}, true, 0);
  fused("bias, residual and relu6, 1x1", {2, 5, 7, 21, 38, 1, 1, one, {0, 0}, one, 1, true}, true,
        6, false);
  fused("bias, residual and relu, many tiles and blocks",
        {7, 22, 25, 35, 42, 3, 3, one, one, one, 1, true}, true, HUGE_VAL, false);
  fused("residual and relu, few pixels", {2, 5, 7, 17, 33, 3, 3, one, one}, true, HUGE_VAL);
  fused("residual and relu, 3 groups", {1, 7, 5, 9, 6, 3, 3, one, one, one, 3}, true, HUGE_VAL);
  fused("depthwise, bias and relu6", {2, 9, 11, 19, 19, 3, 3, {2, 2}, one, one, 19, true}, false,
        6);
  fused("depthwise, C=20, bias, residual and relu",
        {1, 6, 7, 20, 20, 3, 3, one, one, one, 20, true}, true, HUGE_VAL);
  fused("depthwise, two filters a channel, residual and relu",
        {1, 5, 7, 35, 70, 3, 3, one, one, one, 35}, true, HUGE_VAL, false);
  const auto append = [&](const std::vector<Named>& list, bool bench_only) {
    for (const Named& named : list)
      for (auto make : {forward_case, dx_case, dw_case}) {
        cases.push_back(make(named.name, named.g));
        cases.back().bench_only = bench_only;
      }
  };
  append(small_convolutions(), false);
  append(large_convolutions(), true);
  return cases;
}

}  // namespace tessera::cases

// Depthwise convolution and its gradients.
#include <algorithm>

#include "backends/opencl/ops/conv2d.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/conv2d_depthwise_params.h"

constexpr const char* file = "conv2d_depthwise.cl";

std::string refuse(const Conv2dGeometry& g) {
  return g.groups == g.C && g.C > 1 ? "" : "it is not depthwise";
}

std::int64_t pixels(const DeviceNode& l) {
  return l.parameter("pixels", l.traits().is_cpu ? 8 : 4);
}
Defines defines(const DeviceNode& l) { return l.defines().set("PIXELS", pixels(l)); }

/// `S`: taps of a row of the whole filter. `y` says where the results go.
void slide(LaunchBuilder& l, const Source& x, const Axis& h, const Axis& w,
           const DepthwiseChannels& c, const cl::Buffer& packed, std::int64_t R, std::int64_t S,
           const Result& y) {
  l.launch_items(file, defines(l), "conv2d_depthwise",
                 x.N * h.results * ceil_div(w.results, pixels(l)) * ceil_div(c.outs, l.width()), 4,
                 x.buffer, packed, y.y,
                 Conv2dDepthwiseParams{.H = l.to_int(x.H),
                                       .W = l.to_int(x.W),
                                       .C = l.to_int(x.C),
                                       .P = l.to_int(h.results),
                                       .Q = l.to_int(w.results),
                                       .K = l.to_int(c.outs),
                                       .R = l.to_int(h.taps),
                                       .S = l.to_int(w.taps),
                                       .all_taps = l.to_int(R * S),
                                       .depth = l.to_int(c.depth),
                                       .lane_mul = l.to_int(c.lane_mul),
                                       .lane_div = l.to_int(c.lane_div),
                                       .h_base = l.to_int(h.base),
                                       .h_stride = l.to_int(h.stride),
                                       .h_step = l.to_int(h.step),
                                       .w_base = l.to_int(w.base),
                                       .w_stride = l.to_int(w.stride),
                                       .w_step = l.to_int(w.step),
                                       .tap_base = l.to_int(h.first * S + w.first),
                                       .tap_r = l.to_int(h.next * S),
                                       .tap_s = l.to_int(w.next),
                                       .y_base = l.to_int(y.base),
                                       .y_n = l.to_int(y.n),
                                       .y_p = l.to_int(y.p),
                                       .y_q = l.to_int(y.q)},
                 epilogue_of(l));
}

}  // namespace

cl::Buffer packed_depthwise_weights(LaunchBuilder& l, const DepthwiseChannels& c, std::int64_t taps,
                                    std::int64_t vector) {
  const auto prepacking = filters_prepacking(l, true);
  const Bias bias = bias_of(l);
  const std::int64_t width = ceil_div(c.outs, vector) * vector;
  const std::int64_t rows = (taps + 1) * c.depth;
  const cl::Buffer packed = l.workspace(float_bytes(rows * width));
  l.launch_items(file, defines(l), "conv2d_depthwise_pack", rows, 1, l.input(1), bias.buffer,
                 packed,
                 Conv2dDepthwisePackParams{.has_bias = bias.there,
                                           .taps = l.to_int(taps),
                                           .depth = l.to_int(c.depth),
                                           .channels = l.to_int(c.outs),
                                           .width = l.to_int(width)});
  return packed;
}

void add_depthwise_parts(LaunchBuilder& l, const cl::Buffer& part, std::int64_t K,
                         std::int64_t taps, std::int64_t pieces, std::int64_t vector) {
  l.launch_items(file, l.defines(static_cast<std::size_t>(vector)).set("PIXELS", pixels(l)),
                 "conv2d_depthwise_finish", taps * ceil_div(K, vector), 1, part, l.output(0),
                 Conv2dDepthwiseFinishParams{
                     .K = l.to_int(K), .taps = l.to_int(taps), .pieces = l.to_int(pieces)});
}

// On CPUs no other number was faster.
std::vector<Parameters> depthwise_tiles(const DeviceNode& l) {
  if (l.traits().is_cpu) return {};
  return {{{"pixels", 2}}, {{"pixels", 8}}};
}

std::vector<Parameters> depthwise_waves(const DeviceNode& l) {
  if (l.traits().is_cpu) return {};
  return {{{"waves", 128}}, {{"waves", 2048}}};
}

std::string refuse_conv2d_depthwise(const DeviceNode& l) { return refuse(conv2d_geometry_of(l)); }
std::string refuse_conv2d_dx_depthwise(const DeviceNode& l) {
  return refuse(conv2d_dx_geometry_of(l));
}
std::string refuse_conv2d_dw_depthwise(const DeviceNode& l) {
  return refuse(conv2d_dw_geometry_of(l));
}

void lower_conv2d_depthwise(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_geometry_of(l);
  const DepthwiseChannels c = {.outs = g.K, .depth = 1, .lane_mul = 1, .lane_div = g.K / g.C};
  slide(l, {.buffer = l.input(0), .N = g.N, .H = g.H, .W = g.W, .C = g.C},
        forward_axis(g.P, g.R, g.stride_h, g.padding_h, g.dilation_h),
        forward_axis(g.Q, g.S, g.stride_w, g.padding_w, g.dilation_w), c,
        packed_depthwise_weights(l, c, g.R * g.S, l.width()), g.R, g.S,
        {.y = l.output(0), .base = 0, .n = g.P * g.Q * g.K, .p = g.Q * g.K, .q = g.K});
}

void lower_conv2d_dx_depthwise(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(l);
  const DepthwiseChannels c = {
      .outs = g.C, .depth = g.K / g.C, .lane_mul = g.K / g.C, .lane_div = 1};
  const cl::Buffer packed = packed_depthwise_weights(l, c, g.R * g.S, l.width());
  for (std::int64_t a = 0; a < g.stride_h; ++a)
    for (std::int64_t b = 0; b < g.stride_w; ++b)
      slide(l, {.buffer = l.input(0), .N = g.N, .H = g.P, .W = g.Q, .C = g.K},
            gradient_axis(g.H, a, g.R, g.stride_h, g.padding_h, g.dilation_h),
            gradient_axis(g.W, b, g.S, g.stride_w, g.padding_w, g.dilation_w), c, packed, g.R, g.S,
            {.y = l.output(0),
             .base = (a * g.W + b) * g.C,
             .n = g.H * g.W * g.C,
             .p = g.stride_h * g.W * g.C,
             .q = g.stride_w * g.C});
}

void lower_conv2d_dw_depthwise(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_dw_geometry_of(l);
  constexpr std::int64_t taps_together = 3;  // TAPS in the kernel file
  const std::int64_t vectors = ceil_div(g.K, l.width()), taps = g.R * g.S, rows = g.N * g.P;
  const std::int64_t items = vectors * ceil_div(g.S, taps_together) * g.R;
  // As many pieces as keep the device busy; on a CPU the rows of a piece stay in the cache.
  constexpr std::int64_t cache = 96 * 1024;  // floats, a part of a core's own
  const std::int64_t wanted =
      l.traits().is_cpu
          ? ceil_div(rows * (g.stride_h * g.W * g.C + g.Q * g.K), cache)
          : ceil_div(l.parameter("waves", 512) * std::int64_t{l.traits().compute_units}, items);
  const std::int64_t split = std::clamp<std::int64_t>(wanted, 1, std::max<std::int64_t>(1, rows));
  const std::int64_t length = std::max<std::int64_t>(1, ceil_div(rows, split));
  const std::int64_t pieces = ceil_div(rows, length);
  const cl::Buffer part =
      l.workspace(float_bytes(std::max<std::int64_t>(1, pieces) * taps * vectors * l.width()));
  l.launch_items(file, defines(l), "conv2d_depthwise_dw", pieces * items, 1, l.input(0), l.input(1),
                 part,
                 Conv2dDepthwiseDwParams{.rows = l.to_int(rows),
                                         .length = l.to_int(length),
                                         .H = l.to_int(g.H),
                                         .W = l.to_int(g.W),
                                         .C = l.to_int(g.C),
                                         .P = l.to_int(g.P),
                                         .Q = l.to_int(g.Q),
                                         .K = l.to_int(g.K),
                                         .R = l.to_int(g.R),
                                         .S = l.to_int(g.S),
                                         .stride_h = l.to_int(g.stride_h),
                                         .stride_w = l.to_int(g.stride_w),
                                         .padding_h = l.to_int(g.padding_h),
                                         .padding_w = l.to_int(g.padding_w),
                                         .dilation_h = l.to_int(g.dilation_h),
                                         .dilation_w = l.to_int(g.dilation_w)});
  add_depthwise_parts(l, part, g.K, taps, pieces, l.width());
}

}  // namespace tessera::opencl

// Depthwise convolution with one filter a channel and its gradients, on CPUs.
#include "backends/opencl/ops/conv2d.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/conv2d_depthwise_slide_params.h"

constexpr const char* file = "conv2d_depthwise_slide.cl";

/// The widest vectors that the channels fill whole, or 0.
std::int64_t vector_width(const DeviceNode& l, const Conv2dGeometry& g) {
  for (std::int64_t width = l.width(); width >= 4; width /= 2)
    if (g.C % width == 0) return width;
  return 0;
}

std::string refuse(const DeviceNode& l, const Conv2dGeometry& g) {
  if (!l.traits().is_cpu) return "made for CPUs";
  if (g.groups != g.C || g.K != g.C) return "it has not one filter a channel";
  if (g.stride_h != 1 || g.stride_w != 1 || g.dilation_h != 1 || g.dilation_w != 1)
    return "a stride or dilation is not 1";
  if (g.R * g.S > 25) return "the filter is larger than 5x5";
  return vector_width(l, g) > 0 ? "" : "the channels are no multiple of 4";
}

Defines defines(const DeviceNode& l, const Conv2dGeometry& g) {
  return l.defines(static_cast<std::size_t>(vector_width(l, g))).set("R", g.R).set("S", g.S);
}

/// `backwards`: the last weight is the one that belongs to the first tap.
void slide(LaunchBuilder& l, const Conv2dGeometry& g, const Conv2dSlide& s, bool backwards) {
  const std::int64_t width = vector_width(l, g), taps = g.R * g.S;
  const cl::Buffer packed = packed_depthwise_weights(
      l, {.outs = g.C, .depth = 1, .lane_mul = 1, .lane_div = 1}, taps, width);
  l.launch_items(file, defines(l, g), "conv2d_depthwise_slide", s.N * s.P * (g.C / width), 1,
                 l.input(0), packed, l.output(0),
                 Conv2dDepthwiseSlideParams{.H = l.to_int(s.H),
                                            .W = l.to_int(s.W),
                                            .C = l.to_int(g.C),
                                            .P = l.to_int(s.P),
                                            .Q = l.to_int(s.Q),
                                            .before_h = l.to_int(s.before_h),
                                            .before_w = l.to_int(s.before_w),
                                            .tap_base = l.to_int(backwards ? taps - 1 : 0),
                                            .tap_step = backwards ? -1 : 1,
                                            .non_temporal = l.past_cache(0)},
                 epilogue_of(l));
}

}  // namespace

std::string refuse_conv2d_slide(const DeviceNode& l) { return refuse(l, conv2d_geometry_of(l)); }
std::string refuse_conv2d_dw_slide(const DeviceNode& l) {
  return refuse(l, conv2d_dw_geometry_of(l));
}

std::string refuse_conv2d_dx_slide(const DeviceNode& l) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(l);
  if (g.padding_h >= g.R || g.padding_w >= g.S) return "there is padding that no pixel meets";
  return refuse(l, g);
}

void lower_conv2d_slide(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_geometry_of(l);
  slide(l, g, forward_slide(g), false);
}

void lower_conv2d_dx_slide(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(l);
  slide(l, g, gradient_slide(g), true);
}

void lower_conv2d_dw_slide(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_dw_geometry_of(l);
  const std::int64_t width = vector_width(l, g), taps = g.R * g.S, rows = g.N * g.P;
  constexpr std::int64_t cached_floats = 96 * 1024;  // of x and dy, a part of a core's own cache
  const std::int64_t length =
      std::max<std::int64_t>(1, cached_floats / std::max<std::int64_t>(1, (g.W + g.Q) * g.C));
  const std::int64_t pieces = ceil_div(rows, length);
  const cl::Buffer part = l.workspace(float_bytes(std::max<std::int64_t>(1, pieces) * taps * g.C));
  l.launch_items(file, defines(l, g), "conv2d_depthwise_slide_dw", pieces * (g.C / width), 1,
                 l.input(0), l.input(1), part,
                 Conv2dDepthwiseSlideDwParams{.rows = l.to_int(rows),
                                              .length = l.to_int(length),
                                              .H = l.to_int(g.H),
                                              .W = l.to_int(g.W),
                                              .C = l.to_int(g.C),
                                              .P = l.to_int(g.P),
                                              .Q = l.to_int(g.Q),
                                              .before_h = l.to_int(g.padding_h),
                                              .before_w = l.to_int(g.padding_w)});
  add_depthwise_parts(l, part, g.K, taps, pieces, width);
}

}  // namespace tessera::opencl

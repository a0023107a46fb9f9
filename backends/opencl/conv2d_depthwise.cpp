// Depthwise convolution and its gradients.
#include <algorithm>

#include "backends/opencl/conv2d.h"

namespace tessera::opencl {
namespace {

constexpr const char* file = "conv2d_depthwise.cl";

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
std::size_t float_bytes(std::int64_t count) {
  return static_cast<std::size_t>(count) * sizeof(float);
}

std::string refuse(const Conv2dGeometry& g) {
  return g.groups == g.C && g.C > 1 ? "" : "it is not depthwise";
}

std::int64_t pixels(const Lowering& l) { return l.traits().is_cpu ? 8 : 4; }
Defines defines(const Lowering& l) { return l.defines().set("PIXELS", pixels(l)); }

/// Result i takes position (i*mul + t*step - base) / div for tap t.
struct Axis {
  std::int64_t source, results, taps, mul, step, base, div;
};

/// `depth` source channels of the `outs` result channels each; see the kernel file.
struct Channels {
  std::int64_t ins, outs, depth, lane_mul, lane_div;
};

void slide(Lowering& l, std::int64_t N, const Axis& h, const Axis& w, const Channels& c) {
  const bool has_bias = l.input_count() == 3;
  const std::int64_t vectors = ceil_div(c.outs, l.width()), width = vectors * l.width();
  const std::int64_t taps = h.taps * w.taps, rows = (taps + 1) * c.depth;
  const cl::Buffer packed = l.workspace(float_bytes(rows * width));
  if (has_bias)
    l.launch_items(file, defines(l), "conv2d_depthwise_pack", rows, 1, l.input(1), l.input(2),
                   packed, cl_int{1}, l.to_int(taps), l.to_int(c.depth), l.to_int(c.outs),
                   l.to_int(width));
  else
    l.launch_items(file, defines(l), "conv2d_depthwise_pack", rows, 1, l.input(1), l.input(0),
                   packed, cl_int{0}, l.to_int(taps), l.to_int(c.depth), l.to_int(c.outs),
                   l.to_int(width));
  l.launch_items(file, defines(l), "conv2d_depthwise",
                 N * h.results * ceil_div(w.results, pixels(l)) * vectors, 4, l.input(0), packed,
                 l.output(0), l.to_int(h.source), l.to_int(w.source), l.to_int(c.ins),
                 l.to_int(h.results), l.to_int(w.results), l.to_int(c.outs), l.to_int(h.taps),
                 l.to_int(w.taps), l.to_int(c.depth), l.to_int(c.lane_mul), l.to_int(c.lane_div),
                 l.to_int(h.mul), l.to_int(h.step), l.to_int(h.base), l.to_int(h.div),
                 l.to_int(w.mul), l.to_int(w.step), l.to_int(w.base), l.to_int(w.div));
}

}  // namespace

std::string refuse_conv2d_depthwise(const Lowering& l) { return refuse(conv2d_geometry_of(l)); }
std::string refuse_conv2d_dx_depthwise(const Lowering& l) {
  return refuse(conv2d_dx_geometry_of(l));
}
std::string refuse_conv2d_dw_depthwise(const Lowering& l) {
  return refuse(conv2d_dw_geometry_of(l));
}

void lower_conv2d_depthwise(Lowering& l) {
  const Conv2dGeometry g = conv2d_geometry_of(l);
  slide(l, g.N, {g.H, g.P, g.R, g.stride_h, g.dilation_h, g.padding_h, 1},
        {g.W, g.Q, g.S, g.stride_w, g.dilation_w, g.padding_w, 1}, {g.C, g.K, 1, 1, g.K / g.C});
}

void lower_conv2d_dx_depthwise(Lowering& l) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(l);
  slide(l, g.N, {g.P, g.H, g.R, 1, -g.dilation_h, -g.padding_h, g.stride_h},
        {g.Q, g.W, g.S, 1, -g.dilation_w, -g.padding_w, g.stride_w},
        {g.K, g.C, g.K / g.C, g.K / g.C, 1});
}

void lower_conv2d_dw_depthwise(Lowering& l) {
  const Conv2dGeometry g = conv2d_dw_geometry_of(l);
  constexpr std::int64_t taps_together = 3;  // TAPS in the kernel file
  const std::int64_t vectors = ceil_div(g.K, l.width()), taps = g.R * g.S, rows = g.N * g.P;
  const std::int64_t items = vectors * ceil_div(g.S, taps_together) * g.R;
  // As many pieces as keep the device busy.
  const std::int64_t wanted = l.traits().compute_units * (l.traits().is_cpu ? 8 : 512);
  const std::int64_t split =
      std::clamp<std::int64_t>(ceil_div(wanted, items), 1, std::max<std::int64_t>(1, rows));
  const std::int64_t length = std::max<std::int64_t>(1, ceil_div(rows, split));
  const std::int64_t pieces = ceil_div(rows, length);
  const cl::Buffer part =
      l.workspace(float_bytes(std::max<std::int64_t>(1, pieces) * taps * vectors * l.width()));
  l.launch_items(file, defines(l), "conv2d_depthwise_dw", pieces * items, 1, l.input(0), l.input(1),
                 part, l.to_int(rows), l.to_int(length), l.to_int(g.H), l.to_int(g.W),
                 l.to_int(g.C), l.to_int(g.P), l.to_int(g.Q), l.to_int(g.K), l.to_int(g.R),
                 l.to_int(g.S), l.to_int(g.stride_h), l.to_int(g.stride_w), l.to_int(g.padding_h),
                 l.to_int(g.padding_w), l.to_int(g.dilation_h), l.to_int(g.dilation_w));
  l.launch_items(file, defines(l), "conv2d_depthwise_finish", taps * vectors, 1, part, l.output(0),
                 l.to_int(g.K), l.to_int(taps), l.to_int(pieces));
}

}  // namespace tessera::opencl

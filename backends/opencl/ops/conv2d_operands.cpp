// The operands of convolutions as their kernels read them: cl_kernels/conv2d_operands.cl.
#include "backends/opencl/ops/conv2d.h"

namespace tessera::opencl {
namespace {

constexpr const char* file = "conv2d_operands.cl";

}  // namespace

cl::Buffer packed_filters(LaunchBuilder& l, const cl::Buffer& filter, const PackedFilters& p) {
  const auto prepacking = filters_prepacking(l, true);
  const std::int64_t blocks = p.blocks * p.groups, taps = p.R * p.S * p.run;
  const cl::Buffer packed = l.workspace(float_bytes((taps + 1) * blocks * p.block));
  const Bias bias = bias_of(l);
  l.launch_items(file, l.defines(), "conv2d_pack", blocks * (taps + 1), 8, filter, bias.buffer,
                 packed,
                 Conv2dPackParams{.has_bias = bias.there,
                                  .block = l.to_int(p.block),
                                  .outs = l.to_int(p.outs),
                                  .blocks = l.to_int(p.blocks),
                                  .R = l.to_int(p.R),
                                  .S = l.to_int(p.S),
                                  .run = l.to_int(p.run),
                                  .filter_base = l.to_int(p.base),
                                  .filter_k = l.to_int(p.k),
                                  .filter_r = l.to_int(p.r),
                                  .filter_s = l.to_int(p.s),
                                  .filter_j = l.to_int(p.j),
                                  .filter_group = l.to_int(p.group),
                                  .packed_block = l.to_int(p.packed_block),
                                  .packed_tap = l.to_int(p.packed_tap),
                                  .bias_base = l.to_int(taps * blocks * p.block)});
  return packed;
}

Source padded(LaunchBuilder& l, const Source& x, Axis& h, Axis& w, std::int64_t room) {
  const std::int64_t top = h.before(), left = w.before();
  const std::int64_t bottom = h.after(x.H), right = w.after(x.W);
  if (top + bottom + left + right + room == 0 || x.C == 0) return x;
  Source y = {.buffer = {}, .N = x.N, .H = x.H + top + bottom, .W = x.W + left + right, .C = x.C};
  y.buffer = l.workspace(float_bytes(y.N * y.H * y.W * y.C + room));
  const std::int64_t row = y.W * y.C;
  const std::int64_t segment = l.traits().is_cpu ? row : 4;
  l.launch_items(file, l.defines(), "conv2d_pad", y.N * y.H * ceil_div(row, segment), 8, x.buffer,
                 y.buffer,
                 Conv2dPadParams{.H = l.to_int(x.H),
                                 .x_row = l.to_int(x.W * x.C),
                                 .y_rows = l.to_int(y.H),
                                 .y_row = l.to_int(row),
                                 .top = l.to_int(top),
                                 .left = l.to_int(left * x.C),
                                 .segment = l.to_int(segment)});
  h.base += top;
  w.base += left;
  return y;
}

Conv2dSlideParams slide_params(const DeviceNode& l, const Source& x, const Axis& h, const Axis& w,
                               std::int64_t channels) {
  const std::int64_t row = x.W * x.C;
  return {.base = l.to_int(h.base * row + w.base * x.C),
          .n = l.to_int(x.H * row),
          .p = l.to_int(h.stride * row),
          .q = l.to_int(w.stride * x.C),
          .r = l.to_int(h.step * row),
          .s = l.to_int(w.step * x.C),
          .group = l.to_int(channels)};
}

}  // namespace tessera::opencl

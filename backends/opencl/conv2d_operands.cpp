// The operands of convolutions as their kernels read them: cl_kernels/conv2d_operands.cl.
#include "backends/opencl/conv2d.h"

namespace tessera::opencl {
namespace {

constexpr const char* file = "conv2d_operands.cl";

}  // namespace

cl::Buffer packed_filters(Lowering& l, const cl::Buffer& w, const PackedFilters& p) {
  const auto preparation = filters_preparation(l, true);
  const std::int64_t blocks = p.blocks * p.groups, taps = p.taps_r * p.taps_s * p.run;
  const cl::Buffer packed = l.workspace(float_bytes((taps + 1) * blocks * p.block));
  const Bias bias = bias_of(l);
  l.launch_items(file, l.defines(), "conv2d_pack", blocks * (taps + 1), 8, w, bias.buffer, packed,
                 bias.there, l.to_int(p.block), l.to_int(p.outs), l.to_int(p.blocks),
                 l.to_int(p.taps_r), l.to_int(p.taps_s), l.to_int(p.run), l.to_int(p.base),
                 l.to_int(p.out), l.to_int(p.r), l.to_int(p.s), l.to_int(p.j), l.to_int(p.group),
                 l.to_int(p.packed_block), l.to_int(p.packed_tap),
                 l.to_int(taps * blocks * p.block));
  return packed;
}

Source padded(Lowering& l, const Source& x, Axis& h, Axis& w, std::int64_t room) {
  const std::int64_t top = h.before(), left = w.before();
  const std::int64_t bottom = h.after(x.rows), right = w.after(x.columns);
  if (top + bottom + left + right + room == 0 || x.channels == 0) return x;
  Source y = {{}, x.N, x.rows + top + bottom, x.columns + left + right, x.channels};
  y.buffer = l.workspace(float_bytes(y.N * y.rows * y.columns * y.channels + room));
  const std::int64_t row = y.columns * y.channels;
  const std::int64_t segment = l.traits().is_cpu ? row : 4;
  l.launch_items(file, l.defines(), "conv2d_pad", y.N * y.rows * ceil_div(row, segment), 8,
                 x.buffer, y.buffer, l.to_int(x.rows), l.to_int(x.columns * x.channels),
                 l.to_int(y.rows), l.to_int(row), l.to_int(top), l.to_int(left * x.channels),
                 l.to_int(segment));
  h.base += top;
  w.base += left;
  return y;
}

}  // namespace tessera::opencl

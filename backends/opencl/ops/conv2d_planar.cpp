// Convolutions with few result channels, on CPUs: cl_kernels/conv2d_planar.cl and
// conv2d_dw_planar.cl.
#include "backends/opencl/ops/conv2d.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/conv2d_planar_params.h"

constexpr std::int64_t most_outs = 8;

std::string refuse(const DeviceNode& l, const Conv2dGeometry& g, const Conv2dSlide& s) {
  if (!l.traits().is_cpu) return "made for CPUs";
  if (g.groups != 1) return "it has groups";
  if (g.stride_h * g.stride_w * g.dilation_h * g.dilation_w != 1) return "it strides or dilates";
  if (s.outs > most_outs) return "the result has more than 8 channels";
  if (s.before_h < 0 || s.before_w < 0) return "the padding is larger than the filter";
  // Of all lanes, those that are empty here and where they are channels. A quarter more for the
  // change of layout.
  return 5 * s.outs * ceil_div(s.Q, l.width()) < 4 * s.Q ? "" : "rows are too short for vectors";
}

/// A tile's rows, and its vectors in each.
struct Tile {
  std::int64_t rows, columns;
};

/// As many sums as leave registers for the operands.
std::int64_t most_sums(const DeviceNode& l) { return l.width() == 16 ? 24 : 12; }

/// Enough sums that multiply-adds need not wait for each other; rows more would multiply more
/// zeros.
Tile usual_tile(const DeviceNode& l, const Conv2dSlide& s) {
  constexpr std::int64_t enough = 8;
  const std::int64_t columns = s.Q > l.width() && 2 * s.outs <= most_sums(l) ? 2 : 1;
  return {std::clamp<std::int64_t>(ceil_div(enough, s.outs * columns), 1, 4), columns};
}

std::vector<Parameters> candidates(const DeviceNode& l, const Conv2dSlide& s) {
  const Tile usual = usual_tile(l, s);
  std::vector<Parameters> all;
  for (std::int64_t columns : {1, 2, 3})
    for (std::int64_t rows : {1, 2, 3, 4})
      if (rows * columns * s.outs <= most_sums(l) && (columns - 1) * l.width() < s.Q &&
          (rows != usual.rows || columns != usual.columns))
        all.push_back({{"columns", columns}, {"rows", rows}});
  return all;
}

void slide(LaunchBuilder& l, const Conv2dGeometry& g, const Conv2dSlide& s, const SlideWeights& w) {
  const Tile usual = usual_tile(l, s);
  const std::int64_t rows = l.parameter("rows", usual.rows);
  const std::int64_t columns = l.parameter("columns", usual.columns), width = l.width();
  const std::int64_t items = 8 * std::int64_t{l.traits().compute_units};
  const std::int64_t all = ceil_div(s.N * s.P, items);
  const std::int64_t share = ceil_div(std::min(all, s.P), rows) * rows;
  const std::int64_t shares = ceil_div(s.P, share), row = columns * width;
  // Tiles read whole vectors behind the last pixel.
  const std::int64_t plane_row = std::max(ceil_div(s.Q, row) * row + g.S - 1, s.before_w + s.W);
  // The planes; the sums of a tile, turned, with a vector that is read past them.
  const std::int64_t scratch_size =
      (share + g.R - 1) * s.ins * plane_row + rows * row * s.outs + width;
  const cl::Buffer scratch = l.workspace(float_bytes(s.N * shares * scratch_size));
  const Bias bias = bias_of(l);
  l.launch("conv2d_planar.cl",
           l.defines().set("OUTS", s.outs).set("ROWS", rows).set("COLUMNS", columns),
           "conv2d_planar", {{static_cast<std::size_t>(s.N * shares), 1, 1}}, l.input(0),
           l.input(1), bias.buffer, l.output(0), scratch,
           Conv2dPlanarParams{.has_bias = bias.there,
                              .H = l.to_int(s.H),
                              .W = l.to_int(s.W),
                              .C = l.to_int(s.ins),
                              .P = l.to_int(s.P),
                              .Q = l.to_int(s.Q),
                              .before_h = l.to_int(s.before_h),
                              .before_w = l.to_int(s.before_w),
                              .R = l.to_int(g.R),
                              .S = l.to_int(g.S),
                              .filter_base = l.to_int(w.base),
                              .filter_k = l.to_int(w.out),
                              .filter_r = l.to_int(w.r),
                              .filter_s = l.to_int(w.s),
                              .filter_c = l.to_int(w.in),
                              .shares = l.to_int(shares),
                              .share = l.to_int(share),
                              .plane_row = l.to_int(plane_row),
                              .scratch_size = l.to_int(scratch_size)},
           epilogue_of(l));
}

}  // namespace

std::string refuse_conv2d_planar(const DeviceNode& l) {
  const Conv2dGeometry g = conv2d_geometry_of(l);
  return refuse(l, g, forward_slide(g));
}

void lower_conv2d_planar(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_geometry_of(l);
  slide(l, g, forward_slide(g), forward_weights(g));
}

std::string refuse_conv2d_dx_planar(const DeviceNode& l) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(l);
  return refuse(l, g, gradient_slide(g));
}

void lower_conv2d_dx_planar(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(l);
  slide(l, g, gradient_slide(g), gradient_weights(g));
}

std::string refuse_conv2d_dw_planar(const DeviceNode& l) {
  const Conv2dGeometry g = conv2d_dw_geometry_of(l);
  if (g.N * g.P * g.Q * g.C * g.R * g.S == 0) return "nothing to sum";
  return refuse(l, g, forward_slide(g));
}

void lower_conv2d_dw_planar(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_dw_geometry_of(l);
  const std::int64_t width = l.width(), taps = g.R * g.S * g.C, all_rows = g.N * g.P;
  const std::int64_t tile =
      std::clamp<std::int64_t>(most_sums(l) / g.K, 1, std::min<std::int64_t>(8, taps));
  // Pieces for all compute units, of no less than an image where there are enough: each has sums of
  // its own.
  const std::int64_t units = l.traits().compute_units;
  const std::int64_t share =
      std::max(ceil_div(all_rows, 8 * units), std::min(g.P, ceil_div(all_rows, units)));
  const std::int64_t pieces = ceil_div(all_rows, share), rows = std::min(share, g.P);
  const std::int64_t dy_row = ceil_div(g.Q, width) * width;
  const std::int64_t x_row = std::max(dy_row + g.S - 1, g.padding_w + g.W);
  const std::int64_t sums = ceil_div(taps, tile) * tile * g.K * width;
  const std::int64_t planes = rows * g.K * dy_row + (rows + g.R - 1) * g.C * x_row;
  const std::int64_t scratch_size = sums + ceil_div(planes, width) * width;
  const cl::Buffer scratch = l.workspace(float_bytes(pieces * scratch_size));
  const Defines defines = l.defines().set("OUTS", g.K).set("TAPS", tile);
  l.launch("conv2d_dw_planar.cl", defines, "conv2d_dw_planar",
           {{static_cast<std::size_t>(pieces), 1, 1}}, l.input(0), l.input(1), scratch,
           Conv2dDwPlanarParams{.N = l.to_int(g.N),
                                .H = l.to_int(g.H),
                                .W = l.to_int(g.W),
                                .C = l.to_int(g.C),
                                .P = l.to_int(g.P),
                                .Q = l.to_int(g.Q),
                                .R = l.to_int(g.R),
                                .S = l.to_int(g.S),
                                .before_h = l.to_int(g.padding_h),
                                .before_w = l.to_int(g.padding_w),
                                .share = l.to_int(share),
                                .x_row = l.to_int(x_row),
                                .dy_row = l.to_int(dy_row),
                                .scratch_size = l.to_int(scratch_size)});
  l.launch_items("conv2d_dw_planar.cl", defines, "conv2d_dw_planar_finish", taps * g.K, 64, scratch,
                 l.output(0),
                 Conv2dDwPlanarFinishParams{.taps = l.to_int(taps),
                                            .pieces = l.to_int(pieces),
                                            .scratch_size = l.to_int(scratch_size)});
}

std::vector<Parameters> conv2d_planar_tiles(const DeviceNode& l) {
  return candidates(l, forward_slide(conv2d_geometry_of(l)));
}

std::vector<Parameters> conv2d_dx_planar_tiles(const DeviceNode& l) {
  return candidates(l, gradient_slide(conv2d_dx_geometry_of(l)));
}

}  // namespace tessera::opencl

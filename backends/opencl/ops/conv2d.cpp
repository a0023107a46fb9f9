// Convolution and its gradients. The tile algorithm of the forward pass and of the gradient of the
// input is one: a sliding filter over a tensor with zeros around it (cl_kernels/conv2d.cl).
#include "backends/opencl/ops/conv2d.h"

#include <algorithm>
#include <numeric>

namespace tessera::opencl {
namespace {

constexpr const char* file = "conv2d.cl";

/// The tile of a launch: V lanes, NV vectors of channels, and pixels or weights.
struct Tile {
  std::int64_t width, vectors, rows;
  bool channels_first;
  std::array<std::size_t, 2> local;

  std::int64_t block() const { return width * vectors; }
  std::int64_t blocks(std::int64_t channels) const { return ceil_div(channels, block()); }
};

/// On a CPU wide vectors; on a GPU no more sums than stay in registers.
std::int64_t usual_rows(const DeviceNode& l) { return l.traits().is_cpu ? 8 : 4; }
std::int64_t usual_vectors(const DeviceNode& l, std::int64_t channels) {
  return l.traits().is_cpu && channels > l.width() ? 2 : 1;
}

/// On a CPU one work-item per group; on a GPU neighbors along the channels.
Tile choose_tile(const DeviceNode& l, std::int64_t channels, std::int64_t groups) {
  const std::int64_t vectors = l.parameter("vectors", usual_vectors(l, channels));
  const std::int64_t rows = l.parameter("rows", usual_rows(l));
  if (l.traits().is_cpu) {
    const std::int64_t width = channels <= 8 ? std::min<std::int64_t>(8, l.width()) : l.width();
    return {width, vectors, rows, false, {1, 1}};
  }
  Tile tile = {l.width(), vectors, rows, true, {1, l.traits().work_group}};
  const auto blocks = static_cast<std::size_t>(tile.blocks(channels) * groups);
  while (2 * tile.local[0] <= std::min<std::size_t>(blocks, 16) && tile.local[1] > 1) {
    tile.local[0] *= 2;
    tile.local[1] /= 2;
  }
  return tile;
}

/// Tiles that leave registers for the operands, where `channels` fill all of their vectors.
std::vector<Parameters> tile_candidates(const DeviceNode& l, std::int64_t channels) {
  std::vector<Parameters> all;
  for (std::int64_t vectors : {1, 2, 3, 4})
    for (std::int64_t rows : {4, 6, 8, 12})
      if (vectors * rows <= 24 && (vectors - 1) * l.width() < channels &&
          (rows != usual_rows(l) || vectors != usual_vectors(l, channels)))
        all.push_back({{"rows", rows}, {"vectors", vectors}});
  return all;
}

Defines defines(const DeviceNode& l, const Tile& tile) {
  return l.defines(static_cast<std::size_t>(tile.width))
      .set("NV", tile.vectors)
      .set("PIXELS", tile.rows)
      .set("ROWS", tile.rows)
      .set("CHANNELS_FIRST", int{tile.channels_first})
      .set("TILE_LOCAL_0", tile.local[0])
      .set("TILE_LOCAL_1", tile.local[1]);
}

Range tile_range(const Tile& tile, std::int64_t blocks, std::int64_t tiles, std::int64_t pieces) {
  const std::size_t a = static_cast<std::size_t>(tile.channels_first ? blocks : tiles);
  const std::size_t b = static_cast<std::size_t>(tile.channels_first ? tiles : blocks);
  return {{a, b, static_cast<std::size_t>(pieces)}, {tile.local[0], tile.local[1], 1}};
}

/// The weights as conv2d_tile sees them: `outs` result channels and `ins` channels of the source
/// in each group, and the strides of a weight (k,r,s,c) of a group.
struct Filter {
  cl::Buffer buffer;
  std::int64_t groups, outs, ins;
  std::int64_t k, r, s, c, group;
};

void slide(LaunchBuilder& l, const Filter& f, const Source& source, Axis h, Axis w,
           const Result& result) {
  const Tile tile = choose_tile(l, f.outs, f.groups);
  const std::int64_t blocks = tile.blocks(f.outs), all = blocks * f.groups;
  const std::int64_t taps = h.taps * w.taps * f.ins, block = tile.block();
  const std::int64_t packed_block = tile.channels_first ? block : taps * block;
  const std::int64_t packed_tap = tile.channels_first ? all * block : block;
  const std::int64_t bias_base = taps * all * block;
  const cl::Buffer packed = packed_filters(l, f.buffer,
                                           {.block = block,
                                            .blocks = blocks,
                                            .groups = f.groups,
                                            .outs = f.outs,
                                            .R = h.taps,
                                            .S = w.taps,
                                            .run = f.ins,
                                            .base = h.first * f.r + w.first * f.s,
                                            .k = f.k,
                                            .r = h.next * f.r,
                                            .s = w.next * f.s,
                                            .j = f.c,
                                            .group = f.group,
                                            .packed_block = packed_block,
                                            .packed_tap = packed_tap});
  const Source x = padded(l, source, h, w);
  const bool merged = merges(w, f.groups);
  const std::int64_t pixels = x.N * h.results * w.results;
  l.launch(file, defines(l, tile), "conv2d_tile",
           tile_range(tile, all, ceil_div(pixels, tile.rows), 1), x.buffer, packed, result.y,
           Conv2dTileParams{.pixels = l.to_int(pixels),
                            .P = l.to_int(h.results),
                            .Q = l.to_int(w.results),
                            .outs = l.to_int(f.outs),
                            .blocks = l.to_int(blocks),
                            .all_blocks = l.to_int(all),
                            .R = l.to_int(h.taps),
                            .S = l.to_int(merged ? 1 : w.taps),
                            .run = l.to_int(merged ? w.taps * f.ins : f.ins),
                            .packed_block = l.to_int(packed_block),
                            .packed_tap = l.to_int(packed_tap),
                            .bias_base = l.to_int(bias_base),
                            .x = slide_params(l, x, h, w, f.ins),
                            .y_base = l.to_int(result.base),
                            .y_n = l.to_int(result.n),
                            .y_p = l.to_int(result.p),
                            .y_q = l.to_int(result.q)},
           epilogue_of(l));
}

void lower_tile(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_geometry_of(l);
  const std::int64_t ins = g.C / g.groups, outs = g.K / g.groups, filter = g.R * g.S * ins;
  slide(l,
        {.buffer = l.input(1),
         .groups = g.groups,
         .outs = outs,
         .ins = ins,
         .k = filter,
         .r = g.S * ins,
         .s = ins,
         .c = 1,
         .group = outs * filter},
        {.buffer = l.input(0), .N = g.N, .H = g.H, .W = g.W, .C = g.C},
        forward_axis(g.P, g.R, g.stride_h, g.padding_h, g.dilation_h),
        forward_axis(g.Q, g.S, g.stride_w, g.padding_w, g.dilation_w),
        {.y = l.output(0), .base = 0, .n = g.P * g.Q * g.K, .p = g.Q * g.K, .q = g.K});
}

void lower_dx_tile(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(l);
  const std::int64_t ins = g.C / g.groups, outs = g.K / g.groups, filter = g.R * g.S * ins;
  const Filter f = {.buffer = l.input(1),
                    .groups = g.groups,
                    .outs = ins,
                    .ins = outs,
                    .k = 1,
                    .r = g.S * ins,
                    .s = ins,
                    .c = filter,
                    .group = outs * filter};
  for (std::int64_t a = 0; a < g.stride_h; ++a)
    for (std::int64_t b = 0; b < g.stride_w; ++b)
      slide(l, f, {.buffer = l.input(0), .N = g.N, .H = g.P, .W = g.Q, .C = g.K},
            gradient_axis(g.H, a, g.R, g.stride_h, g.padding_h, g.dilation_h),
            gradient_axis(g.W, b, g.S, g.stride_w, g.padding_w, g.dilation_w),
            {.y = l.output(0),
             .base = (a * g.W + b) * g.C,
             .n = g.H * g.W * g.C,
             .p = g.stride_h * g.W * g.C,
             .q = g.stride_w * g.C});
}

void lower_dw_tile(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_dw_geometry_of(l);
  const std::int64_t ins = g.C / g.groups, outs = g.K / g.groups;
  const Tile tile = choose_tile(l, outs, g.groups);
  const std::int64_t blocks = tile.blocks(outs), all = blocks * g.groups;
  Axis h = forward_axis(g.P, g.R, g.stride_h, g.padding_h, g.dilation_h);
  Axis w = forward_axis(g.Q, g.S, g.stride_w, g.padding_w, g.dilation_w);
  const Source x = padded(l, {.buffer = l.input(0), .N = g.N, .H = g.H, .W = g.W, .C = g.C}, h, w);
  const bool merged = merges(w, g.groups);
  const std::int64_t run = merged ? g.S * ins : ins, taps_s = merged ? 1 : g.S;
  const std::int64_t taps = g.R * g.S * ins;
  const std::int64_t tiles = ceil_div(run, tile.rows) * taps_s * g.R;
  // As many pieces of the batch as keep the device busy.
  const std::int64_t wanted =
      l.traits().compute_units * l.parameter("waves", l.traits().is_cpu ? 8 : 512);
  const std::int64_t split = std::clamp<std::int64_t>(
      ceil_div(wanted, std::max<std::int64_t>(1, tiles * all)), 1, std::max<std::int64_t>(1, g.N));
  const std::int64_t images = std::max<std::int64_t>(1, ceil_div(g.N, split));
  const std::int64_t pieces = ceil_div(g.N, images);
  const cl::Buffer part = l.workspace(float_bytes(pieces * taps * all * tile.block()));
  l.launch(file, defines(l, tile), "conv2d_dw_tile", tile_range(tile, all, tiles, pieces), x.buffer,
           l.input(1), part,
           Conv2dDwTileParams{.N = l.to_int(g.N),
                              .P = l.to_int(g.P),
                              .Q = l.to_int(g.Q),
                              .K = l.to_int(g.K),
                              .outs = l.to_int(outs),
                              .blocks = l.to_int(blocks),
                              .all_blocks = l.to_int(all),
                              .images = l.to_int(images),
                              .R = l.to_int(g.R),
                              .S = l.to_int(taps_s),
                              .run = l.to_int(run),
                              .x = slide_params(l, x, h, w, ins),
                              .dy_elements = l.elements(l.input_spec(1))});
  l.launch_items(file, defines(l, tile), "conv2d_dw_finish", taps * all * tile.vectors, 8, part,
                 l.output(0),
                 Conv2dDwTileFinishParams{.taps = l.to_int(taps),
                                          .outs = l.to_int(outs),
                                          .blocks = l.to_int(blocks),
                                          .all_blocks = l.to_int(all),
                                          .pieces = l.to_int(pieces)});
}

std::vector<Parameters> forward_candidates(const DeviceNode& l) {
  const Conv2dGeometry g = conv2d_geometry_of(l);
  return tile_candidates(l, g.K / g.groups);
}

std::vector<Parameters> dx_candidates(const DeviceNode& l) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(l);
  return tile_candidates(l, g.C / g.groups);
}

/// Each tile, and more or fewer pieces of the batch.
std::vector<Parameters> dw_candidates(const DeviceNode& l) {
  const Conv2dGeometry g = conv2d_dw_geometry_of(l);
  std::vector<Parameters> all = tile_candidates(l, g.K / g.groups);
  for (std::int64_t waves : l.traits().is_cpu ? std::array{2, 32} : std::array{128, 2048})
    all.push_back({{"waves", waves}});
  return all;
}

/// Appends the launch of a naive kernel: one item for each element of the result.
template <class... Arguments>
void launch_naive(LaunchBuilder& l, const char* kernel, const Conv2dGeometry& g,
                  const Arguments&... arguments) {
  l.launch_items(file, l.defines(), kernel, l.output_spec(0).elements(), 64, arguments...,
                 Conv2dParams{.N = l.to_int(g.N),
                              .H = l.to_int(g.H),
                              .W = l.to_int(g.W),
                              .C = l.to_int(g.C),
                              .K = l.to_int(g.K),
                              .R = l.to_int(g.R),
                              .S = l.to_int(g.S),
                              .P = l.to_int(g.P),
                              .Q = l.to_int(g.Q),
                              .stride_h = l.to_int(g.stride_h),
                              .stride_w = l.to_int(g.stride_w),
                              .padding_h = l.to_int(g.padding_h),
                              .padding_w = l.to_int(g.padding_w),
                              .dilation_h = l.to_int(g.dilation_h),
                              .dilation_w = l.to_int(g.dilation_w),
                              .groups = l.to_int(g.groups)});
}

void lower_naive(LaunchBuilder& l) {
  const Bias bias = bias_of(l);
  launch_naive(l, "conv2d_naive", conv2d_geometry_of(l), l.input(0), l.input(1), bias.buffer,
               l.output(0), bias.there, epilogue_of(l));
}

void lower_dx_naive(LaunchBuilder& l) {
  launch_naive(l, "conv2d_dx_naive", conv2d_dx_geometry_of(l), l.input(0), l.input(1), l.output(0));
}

void lower_dw_naive(LaunchBuilder& l) {
  launch_naive(l, "conv2d_dw_naive", conv2d_dw_geometry_of(l), l.input(0), l.input(1), l.output(0));
}

}  // namespace

Axis forward_axis(std::int64_t results, std::int64_t taps, std::int64_t stride,
                  std::int64_t padding, std::int64_t dilation) {
  return {results, taps, -padding, stride, dilation, 0, 1};
}

Axis gradient_axis(std::int64_t size, std::int64_t phase, std::int64_t taps, std::int64_t stride,
                   std::int64_t padding, std::int64_t dilation) {
  const std::int64_t results = ceil_div(std::max<std::int64_t>(0, size - phase), stride);
  const std::int64_t next = stride / std::gcd(stride, dilation);
  for (std::int64_t first = 0; first < std::min(next, taps); ++first) {
    const std::int64_t offset = phase + padding - first * dilation;
    if (offset % stride != 0) continue;
    const std::int64_t count = (taps - 1 - first) / next + 1, step = next * dilation / stride;
    return {results, count, offset / stride - (count - 1) * step,
            1,       step,  first + (count - 1) * next,
            -next};
  }
  return {results, 0, 0, 1, 1, 0, 1};
}

Conv2dGeometry conv2d_geometry_of(const DeviceNode& l) {
  return conv2d_geometry(l.input_spec(0).shape, l.input_spec(1).shape, l.output_spec(0).shape,
                         l.attributes());
}

Conv2dGeometry conv2d_dx_geometry_of(const DeviceNode& l) {
  return conv2d_geometry(l.output_spec(0).shape, l.input_spec(1).shape, l.input_spec(0).shape,
                         l.attributes());
}

Conv2dGeometry conv2d_dw_geometry_of(const DeviceNode& l) {
  return conv2d_geometry(l.input_spec(0).shape, l.output_spec(0).shape, l.input_spec(1).shape,
                         l.attributes());
}

std::vector<OpAlgorithms> conv2d_algorithms() {
  return {
      {"conv2d",
       {long_offsets({"depthwise_slide", refuse_conv2d_slide, lower_conv2d_slide}),
        long_offsets(
            {"depthwise", refuse_conv2d_depthwise, lower_conv2d_depthwise, depthwise_tiles}),
        long_offsets(
            {"pointwise", refuse_conv2d_pointwise, lower_conv2d_pointwise, pointwise_tiles}),
        long_offsets({"winograd", refuse_conv2d_winograd, lower_conv2d_winograd,
                      conv2d_winograd_candidates}),
        long_offsets({"planar", refuse_conv2d_planar, lower_conv2d_planar, conv2d_planar_tiles}),
        conv2d_local.matrix_units, conv2d_winograd_local, conv2d_local.local,
        long_offsets({"tile", nullptr, lower_tile, forward_candidates}),
        long_offsets({"naive", nullptr, lower_naive})}},
      {"conv2d_dx",
       {long_offsets({"depthwise_slide", refuse_conv2d_dx_slide, lower_conv2d_dx_slide}),
        long_offsets(
            {"depthwise", refuse_conv2d_dx_depthwise, lower_conv2d_dx_depthwise, depthwise_tiles}),
        long_offsets(
            {"pointwise", refuse_conv2d_dx_pointwise, lower_conv2d_dx_pointwise, pointwise_tiles}),
        long_offsets({"winograd", refuse_conv2d_dx_winograd, lower_conv2d_dx_winograd,
                      conv2d_dx_winograd_candidates}),
        long_offsets(
            {"planar", refuse_conv2d_dx_planar, lower_conv2d_dx_planar, conv2d_dx_planar_tiles}),
        conv2d_dx_local.matrix_units, conv2d_dx_winograd_local, conv2d_dx_local.local,
        long_offsets({"tile", nullptr, lower_dx_tile, dx_candidates}),
        long_offsets({"naive", nullptr, lower_dx_naive})}},
      {"conv2d_dw",
       {long_offsets({"depthwise_slide", refuse_conv2d_dw_slide, lower_conv2d_dw_slide}),
        long_offsets(
            {"depthwise", refuse_conv2d_dw_depthwise, lower_conv2d_dw_depthwise, depthwise_waves}),
        long_offsets({"winograd", refuse_conv2d_dw_winograd, lower_conv2d_dw_winograd,
                      conv2d_dw_winograd_candidates}),
        long_offsets({"planar", refuse_conv2d_dw_planar, lower_conv2d_dw_planar}),
        long_offsets(
            {"blocked", refuse_conv2d_dw_blocked, lower_conv2d_dw_blocked, dw_blocked_tiles}),
        conv2d_dw_local.matrix_units, conv2d_dw_winograd_local, conv2d_dw_local.local,
        long_offsets({"tile", nullptr, lower_dw_tile, dw_candidates}),
        long_offsets({"naive", nullptr, lower_dw_naive})}}};
}

}  // namespace tessera::opencl

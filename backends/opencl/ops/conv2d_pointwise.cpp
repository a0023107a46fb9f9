// Convolution by 1x1 filters and the gradient of its input, on CPUs.
#include <algorithm>

#include "backends/opencl/ops/conv2d.h"
#include "backends/opencl/ops/register_tiles.h"

namespace tessera::opencl {
namespace {

/// A register tile: `pixels` times `vectors` of `width` channels.
struct Tile {
  std::int64_t width, vectors, pixels;
};

constexpr std::int64_t usual_cache = 64 * 1024;  // floats, a part of a core's own

/// Of the vectors that leave few lanes empty, as many sums as leave registers for the operands.
Tile usual_tile(const DeviceNode& l, std::int64_t outs) {
  const bool many_registers = l.width() == 16;
  const std::int64_t width = many_registers && outs < 32 && (outs - 1) % 16 < 8 ? 8 : l.width();
  const std::int64_t all = ceil_div(outs, width), sums = many_registers ? 24 : 12;
  const std::int64_t vectors = all == 1                         ? 1
                               : many_registers && all % 4 == 0 ? 4
                               : all % 3 == 0                   ? 3
                                                                : 2;
  return {width, vectors, std::min<std::int64_t>(12, sums / vectors)};
}

Tile choose_tile(const DeviceNode& l, std::int64_t outs) {
  const Tile usual = usual_tile(l, outs);
  return {usual.width, l.parameter("vectors", usual.vectors), l.parameter("rows", usual.pixels)};
}

std::string refuse(const DeviceNode& l, const Conv2dGeometry& g) {
  if (!l.traits().is_cpu) return "made for CPUs";
  if (g.R != 1 || g.S != 1) return "the filter is not 1x1";
  if (g.groups != 1) return "it has groups";
  return g.stride_h == 1 && g.stride_w == 1 && g.P == g.H && g.Q == g.W
             ? ""
             : "outputs are not the pixels of the input";
}

/// Weight (k,c) of the K filters is at c*c + k*k.
struct Filters {
  std::int64_t C, K, c, k;
};

cl::Buffer packed(LaunchBuilder& l, const Filters& f, const Tile& tile) {
  const std::int64_t block = tile.width * tile.vectors;
  return packed_filters(l, l.input(1),
                        {.block = block,
                         .blocks = ceil_div(f.K, block),
                         .groups = 1,
                         .outs = f.K,
                         .R = 1,
                         .S = 1,
                         .run = f.C,
                         .base = 0,
                         .k = f.k,
                         .r = 0,
                         .s = 0,
                         .j = f.c,
                         .group = 0,
                         .packed_block = f.C * block,
                         .packed_tap = block});
}

void multiply(LaunchBuilder& l, const Filters& f, std::int64_t pixels) {
  const Tile tile = choose_tile(l, f.K);
  const cl::Buffer weights = packed(l, f, tile);
  const std::int64_t cache = l.parameter("cache", usual_cache);
  const std::int64_t tiles = std::max<std::int64_t>(1, cache / (tile.pixels * (f.C + f.K)));
  const std::int64_t group = tiles * tile.pixels;
  l.launch_items("conv2d_pointwise.cl",
                 l.defines(static_cast<std::size_t>(tile.width))
                     .set("NV", tile.vectors)
                     .set("PIXELS", tile.pixels),
                 "conv2d_pointwise", ceil_div(pixels, group), 1, l.input(0), weights, l.output(0),
                 Conv2dPointwiseParams{.pixels = l.to_int(pixels),
                                       .C = l.to_int(f.C),
                                       .K = l.to_int(f.K),
                                       .group = l.to_int(group),
                                       .non_temporal = f.K % tile.width == 0 && l.past_cache(0)},
                 epilogue_of(l));
}

}  // namespace

std::vector<Parameters> pointwise_tiles(const DeviceNode& l) {
  const std::int64_t outs = l.output_spec(0).shape.back();
  const Tile usual = usual_tile(l, outs);
  std::vector<Parameters> all =
      register_tiles(l, {usual.pixels, usual.vectors}, ceil_div(outs, usual.width));
  for (std::int64_t cache : {usual_cache / 4, usual_cache * 2}) all.push_back({{"cache", cache}});
  return all;
}

std::string refuse_conv2d_pointwise(const DeviceNode& l) {
  return refuse(l, conv2d_geometry_of(l));
}
std::string refuse_conv2d_dx_pointwise(const DeviceNode& l) {
  return refuse(l, conv2d_dx_geometry_of(l));
}

void lower_conv2d_pointwise(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_geometry_of(l);
  multiply(l, {.C = g.C, .K = g.K, .c = 1, .k = g.C}, g.N * g.H * g.W);
}

void lower_conv2d_dx_pointwise(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(l);
  multiply(l, {.C = g.K, .K = g.C, .c = g.C, .k = 1}, g.N * g.H * g.W);
}

}  // namespace tessera::opencl

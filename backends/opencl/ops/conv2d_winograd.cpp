// Convolutions with 3x3 filters and their gradients by Winograd's algorithm on CPUs.
#include <algorithm>

#include "backends/opencl/ops/conv2d.h"
#include "engine/ops/winograd.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/conv2d_winograd_params.h"

constexpr const char* file = "conv2d_winograd.cl";
constexpr const char* dw_file = "conv2d_winograd_dw.cl";

std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }

/// Channels and tiles from which on it pays.
constexpr std::int64_t fewest_channels = 16, fewest_tiles = 48;

std::int64_t choose_results(const DeviceNode& l, const Conv2dSlide& s) {
  return l.parameter("results", winograd_results(s));
}

std::vector<Parameters> candidates(const Conv2dSlide& s) {
  return {{{"results", winograd_results(s) == 4 ? 2 : 4}}};
}

std::string refuse(const DeviceNode& l, const Conv2dGeometry& g, const Conv2dSlide& s) {
  if (!l.traits().is_cpu) return "made for CPU devices";
  return refuse_winograd(g, s, fewest_channels, fewest_tiles);
}

void slide(LaunchBuilder& l, const Conv2dSlide& s, const SlideWeights& w) {
  const Bias bias = bias_of(l);
  const std::int64_t width = l.width(), vectors = s.outs <= width ? 1 : 2, block = width * vectors;
  const std::int64_t blocks = ceil_div(s.outs, block), row = ceil_div(s.ins, width) * width;
  const std::int64_t results = choose_results(l, s), positions = winograd_positions(results);
  const Defines defines = l.defines().set("NV", vectors).set("RESULTS", results);
  const cl::Buffer packed = [&] {
    const auto prepacking = filters_prepacking(l, false);
    const cl::Buffer to = l.workspace(float_bytes(positions * blocks * s.ins * block));
    l.launch_items(file, defines, "conv2d_winograd_pack", s.ins * blocks * vectors, 8, l.input(1),
                   to,
                   WinogradPackParams{.K = l.to_int(s.outs),
                                      .C = l.to_int(s.ins),
                                      .filter_base = l.to_int(w.base),
                                      .filter_k = l.to_int(w.out),
                                      .filter_r = l.to_int(w.r),
                                      .filter_s = l.to_int(w.s),
                                      .filter_c = l.to_int(w.in)});
    return to;
  }();
  // The transforms of a group of tiles are to stay in a core's own cache.
  constexpr std::int64_t cache = 144 * 1024;  // floats
  const std::int64_t tiles = winograd_tiles(s, results),
                     items = 8 * std::int64_t{l.traits().compute_units};
  const std::int64_t group = std::clamp<std::int64_t>(cache / (positions * row) / 8 * 8, 16, 64);
  const std::int64_t tile_share = std::max(group, ceil_div(tiles, items));
  const std::int64_t tile_shares = ceil_div(tiles, tile_share);
  const std::int64_t block_share = ceil_div(blocks, std::min(blocks, ceil_div(items, tile_shares)));
  const std::int64_t block_shares = ceil_div(blocks, block_share);
  const cl::Buffer scratch =
      l.workspace(float_bytes(tile_shares * block_shares * positions * group * (row + block)));
  l.launch(file, defines, "conv2d_winograd", {{size(tile_shares), size(block_shares), 1}},
           l.input(0), packed, bias.buffer, l.output(0), scratch,
           WinogradParams{.has_bias = bias.there,
                          .H = l.to_int(s.H),
                          .W = l.to_int(s.W),
                          .C = l.to_int(s.ins),
                          .P = l.to_int(s.P),
                          .Q = l.to_int(s.Q),
                          .K = l.to_int(s.outs),
                          .before_h = l.to_int(s.before_h),
                          .before_w = l.to_int(s.before_w),
                          .tiles = l.to_int(tiles),
                          .tile_share = l.to_int(tile_share),
                          .group = l.to_int(group),
                          .blocks = l.to_int(blocks),
                          .block_share = l.to_int(block_share)},
           epilogue_of(l));
}

}  // namespace

std::string refuse_conv2d_winograd(const DeviceNode& l) {
  const Conv2dGeometry g = conv2d_geometry_of(l);
  return refuse(l, g, forward_slide(g));
}

std::string refuse_conv2d_dx_winograd(const DeviceNode& l) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(l);
  return refuse(l, g, gradient_slide(g));
}

void lower_conv2d_winograd(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_geometry_of(l);
  slide(l, forward_slide(g), forward_weights(g));
}

void lower_conv2d_dx_winograd(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(l);
  slide(l, gradient_slide(g), gradient_weights(g));
}

std::vector<Parameters> conv2d_winograd_candidates(const DeviceNode& l) {
  return candidates(forward_slide(conv2d_geometry_of(l)));
}

std::vector<Parameters> conv2d_dx_winograd_candidates(const DeviceNode& l) {
  return candidates(gradient_slide(conv2d_dx_geometry_of(l)));
}

std::vector<Parameters> conv2d_dw_winograd_candidates(const DeviceNode& l) {
  return candidates(forward_slide(conv2d_dw_geometry_of(l)));
}

std::string refuse_conv2d_dw_winograd(const DeviceNode& l) {
  const Conv2dGeometry g = conv2d_dw_geometry_of(l);
  return refuse(l, g, forward_slide(g));
}

void lower_conv2d_dw_winograd(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_dw_geometry_of(l);
  const std::int64_t width = l.width(), vectors = g.C <= width ? 1 : 2, block = width * vectors;
  const std::int64_t rounded = std::max<std::int64_t>(width, 8);
  const std::int64_t blocks = ceil_div(g.C, block), row = ceil_div(g.K, rounded) * rounded;
  const Conv2dSlide tiled = forward_slide(g);
  const std::int64_t results = choose_results(l, tiled), positions = winograd_positions(results);
  const std::int64_t tiles = winograd_tiles(tiled, results);
  const Defines defines = l.defines().set("NV", vectors).set("RESULTS", results);
  // Pieces as long as all their sums are few beside what is read, else blocks apart.
  const std::int64_t sums = positions * row * blocks * block;
  const std::int64_t items = 8 * std::int64_t{l.traits().compute_units};
  const std::int64_t read = g.N * (g.H * g.W * g.C + g.P * g.Q * g.K);
  const std::int64_t group = std::min<std::int64_t>(tiles, g.K <= 128 ? 32 : 64);
  const std::int64_t most = std::min(items, ceil_div(tiles, group));
  const std::int64_t piece_tiles =
      ceil_div(tiles, std::clamp<std::int64_t>(read / (2 * sums), 1, most));
  const std::int64_t pieces = ceil_div(tiles, piece_tiles);
  const std::int64_t block_share = ceil_div(blocks, std::min(blocks, ceil_div(items, pieces)));
  const std::int64_t shares = ceil_div(blocks, block_share);
  const cl::Buffer part = l.workspace(float_bytes(pieces * sums));
  const cl::Buffer scratch =
      l.workspace(float_bytes(pieces * shares * positions * group * (row + block)));
  l.launch(dw_file, defines, "conv2d_winograd_dw", {{size(pieces), size(shares), 1}}, l.input(0),
           l.input(1), part, scratch,
           WinogradDwParams{.H = l.to_int(g.H),
                            .W = l.to_int(g.W),
                            .C = l.to_int(g.C),
                            .P = l.to_int(g.P),
                            .Q = l.to_int(g.Q),
                            .K = l.to_int(g.K),
                            .before_h = l.to_int(g.padding_h),
                            .before_w = l.to_int(g.padding_w),
                            .tiles = l.to_int(tiles),
                            .piece_tiles = l.to_int(piece_tiles),
                            .group = l.to_int(group),
                            .row = l.to_int(row),
                            .blocks = l.to_int(blocks),
                            .block_share = l.to_int(block_share)});
  l.launch_items(dw_file, defines, "conv2d_winograd_dw_finish", g.K * ceil_div(g.C, width), 8, part,
                 l.output(0),
                 WinogradDwFinishParams{.C = l.to_int(g.C),
                                        .row = l.to_int(row),
                                        .blocks = l.to_int(blocks),
                                        .pieces = l.to_int(pieces)});
}

}  // namespace tessera::opencl

// The gradient of a convolution's weights on CPUs, summed in blocks that stay in the cache.
#include <algorithm>

#include "backends/opencl/ops/conv2d.h"
#include "backends/opencl/ops/register_tiles.h"

namespace tessera::opencl {
namespace {

constexpr const char* file = "conv2d_dw_blocked.cl";
constexpr std::int64_t usual_cache = 96 * 1024;  // floats, a part of a core's own
constexpr std::int64_t usual_waves = 8;          // work-items of a core

/// The tiles of dw, the pieces of the batch's rows, and what a work-item takes of both.
struct Work {
  std::int64_t tiles, share, rows, piece_rows, block_rows;

  std::int64_t shares() const { return ceil_div(tiles, share); }
  std::int64_t pieces() const { return ceil_div(rows, piece_rows); }
};

/// Some work-items for each core: of different pieces as long as all sums together are few beside
/// what is read, else of different tiles. `row` counts the floats of x and dy for a row of dy.
Work divide(const DeviceNode& l, std::int64_t tiles, std::int64_t tile, std::int64_t rows,
            std::int64_t row) {
  const std::int64_t cache = l.parameter("cache", usual_cache);
  const std::int64_t items =
      l.parameter("waves", usual_waves) * std::int64_t{l.traits().compute_units};
  const std::int64_t pieces =
      std::clamp<std::int64_t>(rows * row / (4 * tiles * tile), 1, std::min(items, rows));
  const std::int64_t shares = std::min(tiles, ceil_div(items, pieces));
  return {tiles, ceil_div(tiles, shares), rows, ceil_div(rows, pieces),
          std::max<std::int64_t>(1, cache / row)};
}

/// Of the tiles with as many sums as leave registers for the operands the one that leaves the least
/// of a run of weights empty.
RegisterTile usual_tile(const DeviceNode& l, std::int64_t outs, std::int64_t run) {
  const std::int64_t all = ceil_div(outs, l.width());
  if (l.width() != 16) return {8, std::min<std::int64_t>(all, 2)};
  const std::int64_t vectors = all == 1 ? 1 : all % 3 == 0 ? 3 : 2;
  RegisterTile best{8, vectors};
  for (std::int64_t rows : {12, 16, 24})
    if (rows * vectors <= 24 && ceil_div(run, rows) * rows <= ceil_div(run, best.rows) * best.rows)
      best.rows = rows;
  return best;
}

/// The weights of an output channel that lie side by side in x and dw.
std::int64_t run_of(const Conv2dGeometry& g) {
  const Axis w = forward_axis(g.Q, g.S, g.stride_w, g.padding_w, g.dilation_w);
  return g.C / g.groups * (merges(w, g.groups) ? g.S : 1);
}

}  // namespace

std::string refuse_conv2d_dw_blocked(const DeviceNode& l) {
  if (!l.traits().is_cpu) return "made for CPU devices";
  const Conv2dGeometry g = conv2d_dw_geometry_of(l);
  if (g.N * g.P * g.Q * g.K * g.C * g.R * g.S == 0) return "nothing to sum";
  return g.K / g.groups <= 8 ? "at most 8 filters in a group, which leave wide vectors empty" : "";
}

std::vector<Parameters> dw_blocked_tiles(const DeviceNode& l) {
  const Conv2dGeometry g = conv2d_dw_geometry_of(l);
  const std::int64_t outs = g.K / g.groups;
  std::vector<Parameters> all =
      register_tiles(l, usual_tile(l, outs, run_of(g)), ceil_div(outs, l.width()));
  for (std::int64_t cache : {usual_cache / 4, usual_cache * 2}) all.push_back({{"cache", cache}});
  for (std::int64_t waves : {usual_waves / 4, usual_waves * 2}) all.push_back({{"waves", waves}});
  return all;
}

void lower_conv2d_dw_blocked(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_dw_geometry_of(l);
  const std::int64_t ins = g.C / g.groups, outs = g.K / g.groups;
  const std::int64_t run = run_of(g), taps_s = run == ins ? g.S : 1;
  const RegisterTile usual = usual_tile(l, outs, run);
  const std::int64_t tile_rows = l.parameter("rows", usual.rows);
  const std::int64_t vectors = l.parameter("vectors", usual.vectors);
  const std::int64_t block = l.width() * vectors;
  const Defines defines = l.defines().set("NV", vectors).set("ROWS", tile_rows);
  Axis h = forward_axis(g.P, g.R, g.stride_h, g.padding_h, g.dilation_h);
  Axis w = forward_axis(g.Q, g.S, g.stride_w, g.padding_w, g.dilation_w);
  const Source x = padded(l, {.buffer = l.input(0), .N = g.N, .H = g.H, .W = g.W, .C = g.C}, h, w,
                          run % tile_rows == 0 ? 0 : tile_rows);
  const std::int64_t blocks = ceil_div(outs, block), all = blocks * g.groups;
  const std::int64_t pixels = g.N * g.P * g.Q;
  cl::Buffer dy = l.input(1);
  const bool packs = outs % block != 0;
  if (packs) {
    dy = l.workspace(float_bytes(all * pixels * block));
    l.launch_items(file, defines, "conv2d_dw_pack", all * pixels, 64, l.input(1), dy,
                   Conv2dDwPackParams{.pixels = l.to_int(pixels),
                                      .K = l.to_int(g.K),
                                      .outs = l.to_int(outs),
                                      .blocks = l.to_int(blocks)});
  }
  const std::int64_t tiles = ceil_div(run, tile_rows) * taps_s * g.R * all;
  const std::int64_t row = x.W * x.C;
  const Work work = divide(l, tiles, tile_rows * block, g.N * g.P,
                           row * h.stride + g.Q * (packs ? all * block : g.K));
  const cl::Buffer part = l.workspace(float_bytes(work.pieces() * tiles * tile_rows * block));
  l.launch(file, defines, "conv2d_dw_blocked",
           {{static_cast<std::size_t>(work.shares()), static_cast<std::size_t>(work.pieces()), 1}},
           x.buffer, dy, part,
           Conv2dDwBlockedParams{.rows = l.to_int(work.rows),
                                 .P = l.to_int(g.P),
                                 .Q = l.to_int(g.Q),
                                 .all_tiles = l.to_int(tiles),
                                 .share = l.to_int(work.share),
                                 .piece_rows = l.to_int(work.piece_rows),
                                 .block_rows = l.to_int(work.block_rows),
                                 .R = l.to_int(g.R),
                                 .S = l.to_int(taps_s),
                                 .run = l.to_int(run),
                                 .blocks = l.to_int(blocks),
                                 .x = slide_params(l, x, h, w, ins),
                                 .dy_pixel = l.to_int(packs ? block : g.K),
                                 .dy_block = l.to_int(packs ? pixels * block : block)});
  const std::int64_t taps = g.R * g.S * ins;
  l.launch_items(file, defines, "conv2d_dw_finish", taps * all * vectors, 8, part, l.output(0),
                 Conv2dDwFinishParams{.taps = l.to_int(taps),
                                      .run = l.to_int(run),
                                      .outs = l.to_int(outs),
                                      .blocks = l.to_int(blocks),
                                      .all_tiles = l.to_int(tiles),
                                      .pieces = l.to_int(work.pieces())});
}

}  // namespace tessera::opencl

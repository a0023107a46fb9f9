// Large matrix products on CPUs, of operands laid out in panels.
#include <algorithm>

#include "backends/opencl/ops/gemm_tile.h"
#include "backends/opencl/ops/matmul.h"
#include "backends/opencl/ops/register_tiles.h"

namespace tessera::opencl {
namespace {

constexpr const char* file = "matmul_packed.cl";
// A block of a panel of b stays in a core's first cache while those of a pass, which stay in its
// second.
constexpr std::int64_t usual_k_block = 256, usual_a_share = 8, usual_b_share = 4;

/// `batch` matrices of `lines` lines, whose elements i, k are i*line + k*step apart, in panels of
/// `width` lines.
struct Panels {
  std::int64_t batch, lines, K, line, step, width;

  std::int64_t count() const { return ceil_div(lines, width); }
};

/// As many sums as leave registers for the operands.
RegisterTile usual_tile(const DeviceNode& l) {
  return l.width() == 16 ? RegisterTile{12, 2} : RegisterTile{6, 2};
}

cl::Buffer packed(LaunchBuilder& l, const Defines& defines, const cl::Buffer& from,
                  const Panels& p) {
  const cl::Buffer to = l.workspace(float_bytes(p.batch * p.count() * p.width * p.K));
  l.launch_items(file, defines, "matmul_pack", p.batch * p.count() * ceil_div(p.K, l.width()), 4,
                 from, to,
                 MatmulPackParams{.lines = l.to_int(p.lines),
                                  .K = l.to_int(p.K),
                                  .line = l.to_int(p.line),
                                  .step = l.to_int(p.step),
                                  .width = l.to_int(p.width)});
  return to;
}

}  // namespace

std::string refuse_matmul_packed(const DeviceNode& l) {
  const MatmulGeometry g = matmul_geometry_of(l);
  if (!l.traits().is_cpu) return "made for CPU devices";
  // Each element is moved once more, and used once for each row or column of the other operand.
  if (std::min(g.M, g.N) < 128 || g.K < 64) return "it is too small for packing to pay";
  // b as it is, in its cache, and a by rows do as well.
  if (!g.transpose_a && !g.transpose_b && g.K * g.N <= 512 * 512) return "b fits into the cache";
  return {};
}

std::vector<Parameters> matmul_packed_candidates(const DeviceNode& l) {
  const MatmulGeometry g = matmul_geometry_of(l);
  std::vector<Parameters> all = register_tiles(l, usual_tile(l), ceil_div(g.N, l.width()));
  for (std::int64_t k_block : {512, 1024})
    if (g.K > std::min(k_block, usual_k_block)) all.push_back({{"k_block", k_block}});
  for (std::int64_t a_share : {4, 16}) all.push_back({{"a_share", a_share}});
  all.push_back({{"b_share", 2 * usual_b_share}});
  return all;
}

void lower_matmul_packed(LaunchBuilder& l) {
  const MatmulGeometry g = matmul_geometry_of(l);
  const std::int64_t tile_rows = l.parameter("rows", usual_tile(l).rows);
  const std::int64_t tile_vectors = l.parameter("vectors", usual_tile(l).vectors);
  const std::int64_t block = tile_vectors * l.width();
  const Defines defines = l.defines().set("TILE_M", tile_rows).set("NV", tile_vectors);
  const Panels a = {.batch = g.batch,
                    .lines = g.M,
                    .K = g.K,
                    .line = g.transpose_a ? 1 : g.K,
                    .step = g.transpose_a ? g.M : 1,
                    .width = tile_rows};
  const Panels b = {.batch = g.batch,
                    .lines = g.N,
                    .K = g.K,
                    .line = g.transpose_b ? g.K : 1,
                    .step = g.transpose_b ? 1 : g.N,
                    .width = block};
  const cl::Buffer packed_a = packed(l, defines, l.input(0), a);
  const cl::Buffer packed_b = [&] {
    const auto prepacking = filters_prepacking(l, false);
    return packed(l, defines, l.input(1), b);
  }();
  const std::int64_t k_block = l.parameter("k_block", usual_k_block);
  const std::int64_t a_share = std::min(l.parameter("a_share", usual_a_share), a.count());
  const std::int64_t b_share = std::min(l.parameter("b_share", usual_b_share), b.count());
  const std::int64_t a_shares = ceil_div(a.count(), a_share);
  const std::int64_t b_shares = ceil_div(b.count(), b_share);
  const std::int64_t tiles = g.batch * a_shares * b_shares * a_share * b_share;
  const cl::Buffer part =
      g.K <= k_block ? l.unused() : l.workspace(float_bytes(tiles * tile_rows * block));
  const Bias bias = bias_of(l);
  l.launch(file, defines, "matmul_packed",
           {{static_cast<std::size_t>(a_shares), static_cast<std::size_t>(b_shares),
             static_cast<std::size_t>(g.batch)}},
           packed_a, packed_b, bias.buffer, l.output(0), part,
           MatmulPackedParams{.has_bias = bias.there,
                              .M = l.to_int(g.M),
                              .N = l.to_int(g.N),
                              .K = l.to_int(g.K),
                              .k_block = l.to_int(k_block),
                              .a_share = l.to_int(a_share),
                              .b_share = l.to_int(b_share)},
           epilogue_of(l));
}

}  // namespace tessera::opencl

#include "backends/opencl/ops/gemm_tile.h"

#include <algorithm>
#include <span>

namespace tessera::opencl {
namespace {

constexpr const char* file = "matmul_local.cl";

std::int64_t tiles(const GemmTile& tile, std::int64_t batch, std::int64_t M, std::int64_t N) {
  return batch * ceil_div(M, tile.m) * ceil_div(N, tile.n);
}

constexpr std::int64_t usual_groups = 2;  // of a compute unit

/// Work-groups that keep a device busy.
std::int64_t enough_groups(const DeviceNode& l, std::int64_t of_unit = usual_groups) {
  return of_unit * std::int64_t{l.traits().compute_units};
}

/// A row of a multiple of 4 floats is read 16 bytes at a time.
int vector_width(std::int64_t row) { return row % 4 == 0 ? 4 : 1; }

/// Neighboring columns that a work-item has sums of, in a row of N floats.
int store_width(MatrixUnits units, std::int64_t N) {
  if (units == MatrixUnits::none) return vector_width(N);
  return units != MatrixUnits::sub_group_bf16 && N % 2 == 0 ? 2 : 1;
}

constexpr std::int64_t least_steps = 8;  // of a piece, which is written and read again

/// Small results get small tiles, so that less of them is empty. In a large one a work-item reads
/// 16 floats of local memory for 64 multiply-adds, and its sums take half of its registers.
GemmTile usual_tile(const DeviceNode& l, MatrixUnits units, std::int64_t batch, std::int64_t M,
                    std::int64_t N) {
  const std::size_t sub_group = l.traits().sub_group;
  // The narrower a sub-group, the fewer registers a work-item has for loads on their way.
  if (units == MatrixUnits::sub_group_bf16)
    return sub_group < 16 ? GemmTile{64, 64, 16, 8, 2, units} : GemmTile{64, 64, 32, 8, 4, units};
  // What their compilers keep in registers with loads of single floats, too.
  if (sub_group > 0)
    return M <= 32 || N <= 32 ? GemmTile{32, 32, 16, 4, 4, units}
                              : GemmTile{64, 64, 8, 8, 4, units};
  const std::int64_t k = units == MatrixUnits::warp_bf16 ? 32 : 16;
  if (N <= 32) return M <= 32 ? GemmTile{32, 32, k, 4, 4, units} : GemmTile{64, 32, k, 8, 4, units};
  if (M <= 32) return {32, 64, k, 4, 8, units};
  const GemmTile large = {128, 64, k, 8, 8, units};
  if (tiles(large, batch, M, N) >= enough_groups(l)) return large;
  return {64, 64, k, 8, 4, units};
}

/// Those whose sizes divide each other as cl_kernels/gemm_tile.h wants it, with loads of 1 and of 4
/// floats along any side, and as gemm_matrix_units.h does.
std::span<const GemmTile> known_tiles(const DeviceNode& l, MatrixUnits units) {
  static constexpr GemmTile plain[] = {{32, 32, 16, 4, 4},  {64, 32, 16, 8, 4}, {32, 64, 16, 4, 8},
                                       {64, 64, 16, 4, 4},  {64, 64, 8, 8, 4},  {64, 64, 16, 8, 4},
                                       {64, 64, 8, 8, 8},   {128, 64, 8, 8, 8}, {128, 64, 16, 8, 8},
                                       {64, 128, 16, 8, 8}, {128, 128, 8, 8, 8}};
  static constexpr GemmTile warp[] = {{32, 32, 32, 4, 4},  {64, 32, 32, 8, 4},  {64, 64, 16, 8, 4},
                                      {64, 64, 32, 8, 4},  {128, 64, 16, 8, 8}, {128, 64, 32, 8, 8},
                                      {64, 128, 32, 8, 8}, {128, 128, 16, 8, 8}};
  static constexpr GemmTile narrow[] = {{32, 64, 16, 8, 2}, {64, 32, 16, 8, 2}};
  static constexpr GemmTile wide[] = {{32, 64, 32, 8, 4}, {64, 64, 16, 8, 4}, {128, 64, 32, 8, 4}};
  if (units == MatrixUnits::none) return plain;
  if (units != MatrixUnits::sub_group_bf16) return warp;
  if (l.traits().sub_group < 16) return narrow;
  return wide;
}

/// Whether the device has the work-items and memory for a tile, and there are results for more than
/// half of it.
bool fits(const DeviceNode& l, const GemmTile& tile, std::int64_t M, std::int64_t N) {
  const Traits& traits = l.traits();
  if (tile.items() > std::min(traits.max_work_group, traits.max_work_items[0])) return false;
  constexpr std::int64_t padding = 8, buffers = 2;  // as in the kernel file
  const std::size_t local = float_bytes(buffers * tile.k * (tile.m + tile.n + 2 * padding));
  if (local > traits.local_memory) return false;
  if (traits.sub_group > 0 && tile.item_m * tile.item_n > 32) return false;  // as in usual_tile
  return (tile.m <= 32 || tile.m < 2 * M) && (tile.n <= 32 || tile.n < 2 * N);
}

Parameters as_parameters(const GemmTile& tile) {
  return {{"tile_m", tile.m},
          {"tile_n", tile.n},
          {"tile_k", tile.k},
          {"item_m", tile.item_m},
          {"item_n", tile.item_n}};
}

}  // namespace

MatmulParams matmul_params(const DeviceNode& l, const MatmulGeometry& g, const Bias& bias) {
  return {.has_bias = bias.there,
          .M = l.to_int(g.M),
          .N = l.to_int(g.N),
          .K = l.to_int(g.K),
          .a_m = l.to_int(g.transpose_a ? 1 : g.K),
          .a_k = l.to_int(g.transpose_a ? g.M : 1),
          .b_k = l.to_int(g.transpose_b ? 1 : g.N),
          .b_n = l.to_int(g.transpose_b ? g.K : 1)};
}

std::string refuse_gemm_tile(const DeviceNode& l) {
  if (l.traits().is_cpu) return "made for devices with local memory of their own";
  constexpr std::size_t items = 128;  // in the largest work-group of choose_gemm_tile
  const std::size_t most = std::min(l.traits().max_work_group, l.traits().max_work_items[0]);
  if (most < items) return fmt::format("work-groups have at most {} items", most);
  return {};
}

std::string refuse_matrix_units(const DeviceNode& l) {
  const std::string reason = refuse_gemm_tile(l);
  if (!reason.empty()) return reason;
  return l.matrix_units() == MatrixUnits::none ? "products are in float32" : "";
}

GemmTile choose_gemm_tile(const DeviceNode& l, MatrixUnits units, std::int64_t batch,
                          std::int64_t M, std::int64_t N) {
  const GemmTile usual = usual_tile(l, units, batch, M, N);
  return {l.parameter("tile_m", usual.m),      l.parameter("tile_n", usual.n),
          l.parameter("tile_k", usual.k),      l.parameter("item_m", usual.item_m),
          l.parameter("item_n", usual.item_n), units};
}

std::vector<Parameters> gemm_candidates(const DeviceNode& l, MatrixUnits units,
                                        const MatmulGeometry& g, bool splits) {
  const GemmTile usual = usual_tile(l, units, g.batch, g.M, g.N);
  std::vector<Parameters> all;
  for (GemmTile tile : known_tiles(l, units)) {
    tile.units = units;
    if (tile != usual && fits(l, tile, g.M, g.N)) all.push_back(as_parameters(tile));
  }
  if (splits && ceil_div(g.K, usual.k) >= 2 * least_steps)
    for (std::int64_t groups : {1, 4, 8})
      if (groups > 1 || tiles(usual, g.batch, g.M, g.N) < enough_groups(l))
        all.push_back({{"groups", groups}});
  return all;
}

Defines gemm_defines(const DeviceNode& l, const GemmTile& tile, const GemmOperand& a,
                     const GemmOperand& b, std::int64_t N) {
  return l.defines()
      .set("TILE_M", tile.m)
      .set("TILE_N", tile.n)
      .set("TILE_K", tile.k)
      .set("ITEM_M", tile.item_m)
      .set("ITEM_N", tile.item_n)
      .set("A_ALONG_K", int{a.along_k})
      .set("B_ALONG_K", int{b.along_k})
      .set("A_WIDTH", vector_width(a.row))
      .set("B_WIDTH", vector_width(b.row))
      .set("Y_WIDTH", store_width(tile.units, N))
      .set("SUB_GROUP", l.traits().sub_group)
      .set("MATRIX_UNITS", static_cast<int>(tile.units));
}

GemmPieces split_terms(const DeviceNode& l, const GemmTile& tile, std::int64_t batch,
                       std::int64_t M, std::int64_t N, std::int64_t K) {
  constexpr std::int64_t most_pieces = 128;
  const std::int64_t steps = std::max<std::int64_t>(1, ceil_div(K, tile.k));
  const std::int64_t groups = enough_groups(l, l.parameter("groups", usual_groups));
  const std::int64_t wanted = ceil_div(groups, tiles(tile, batch, M, N));
  const std::int64_t count =
      std::clamp<std::int64_t>(std::min(wanted, steps / least_steps), 1, most_pieces);
  const std::int64_t terms = ceil_div(steps, count) * tile.k;
  return {terms, ceil_div(steps * tile.k, terms)};
}

GemmPieces one_piece(const GemmTile& tile, std::int64_t K) {
  return {std::max<std::int64_t>(1, ceil_div(K, tile.k)) * tile.k, 1};
}

Range gemm_range(const GemmTile& tile, std::int64_t batch, std::int64_t M, std::int64_t N,
                 const GemmPieces& pieces) {
  return {{static_cast<std::size_t>(tiles(tile, 1, M, N)) * tile.items(),
           static_cast<std::size_t>(batch), static_cast<std::size_t>(pieces.count)},
          {tile.items(), 1, 1}};
}

cl::Buffer gemm_result(LaunchBuilder& l, const GemmPieces& pieces, std::int64_t elements) {
  if (pieces.count == 1) return l.output(0);
  return l.workspace(float_bytes(pieces.count * elements));
}

Bias gemm_bias(LaunchBuilder& l, const GemmPieces& pieces) {
  return pieces.count == 1 ? bias_of(l) : Bias{l.unused(), false};
}

Epilogue gemm_epilogue(LaunchBuilder& l, const GemmPieces& pieces) {
  return pieces.count == 1 ? epilogue_of(l) : no_epilogue(l);
}

void finish_gemm(LaunchBuilder& l, const GemmPieces& pieces, const cl::Buffer& parts,
                 std::int64_t elements, std::int64_t N) {
  if (pieces.count == 1) return;
  const Bias bias = bias_of(l);
  l.launch_items(file, l.defines(), "matmul_local_finish", elements, 64, parts, bias.buffer,
                 l.output(0),
                 MatmulFinishParams{
                     .has_bias = bias.there, .N = l.to_int(N), .slices = l.to_int(pieces.count)},
                 epilogue_of(l));
}

void launch_sums(LaunchBuilder& l, const GemmTile& tile, const GemmPieces& pieces,
                 const MatmulGeometry& g, const GemmProduct& product) {
  const Defines defines = gemm_defines(l, tile, {!g.transpose_a, g.transpose_a ? g.M : g.K},
                                       {g.transpose_b, g.transpose_b ? g.K : g.N}, g.N);
  l.launch(file, defines, "matmul_local", gemm_range(tile, g.batch, g.M, g.N, pieces), product.a,
           product.b, product.bias.buffer, product.y, matmul_params(l, g, product.bias),
           l.to_int(pieces.terms), product.epilogue);
}

void launch_product(LaunchBuilder& l, MatrixUnits units, const MatmulGeometry& g,
                    const cl::Buffer& a, const cl::Buffer& b) {
  const GemmTile tile = choose_gemm_tile(l, units, g.batch, g.M, g.N);
  const GemmPieces pieces = split_terms(l, tile, g.batch, g.M, g.N, g.K);
  const std::int64_t elements = g.batch * g.M * g.N;
  const cl::Buffer sums = gemm_result(l, pieces, elements);
  launch_sums(l, tile, pieces, g,
              {.a = a,
               .b = b,
               .bias = gemm_bias(l, pieces),
               .epilogue = gemm_epilogue(l, pieces),
               .y = sums});
  finish_gemm(l, pieces, sums, elements, g.N);
}

}  // namespace tessera::opencl

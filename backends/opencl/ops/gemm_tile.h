// Products by tiles in local memory (cl_kernels/gemm_tile.h): how large the tiles are, and the
// launch of a plain product, which dense layers and 1x1 convolutions share.
#pragma once

#include <string>

#include "backends/opencl/lowering/algorithm.h"
#include "backends/opencl/ops/epilogue.h"
#include "engine/ops/matmul.h"

namespace tessera::opencl {

#include "cl_kernels/params/matmul_params.h"

MatmulParams matmul_params(const DeviceNode& l, const MatmulGeometry& g, const Bias& bias);

/// A work-group makes m x n results, k terms at a time; a work-item item_m x item_n of them.
struct GemmTile {
  std::int64_t m, n, k, item_m, item_n;
  MatrixUnits units = MatrixUnits::none;

  bool operator==(const GemmTile&) const = default;
  std::size_t items() const { return static_cast<std::size_t>(m / item_m * (n / item_n)); }
};

/// How an operand lies in memory: neighbors are neighbors in k (else in m or n), and come in rows
/// of `row` floats.
struct GemmOperand {
  bool along_k;
  std::int64_t row;
};

/// Why the device cannot run these kernels; empty: it can.
std::string refuse_gemm_tile(const DeviceNode& l);

/// Why it cannot run them on matrix units.
std::string refuse_matrix_units(const DeviceNode& l);

/// For `batch` products of M x N results.
GemmTile choose_gemm_tile(const DeviceNode& l, MatrixUnits units, std::int64_t batch,
                          std::int64_t M, std::int64_t N);

/// Other tiles, and sums in more or fewer pieces: for products of K terms where `splits`.
std::vector<Parameters> gemm_candidates(const DeviceNode& l, MatrixUnits units,
                                        const MatmulGeometry& g, bool splits = true);

/// The macros of cl_kernels/gemm_tile.h for a result with rows of N floats.
Defines gemm_defines(const DeviceNode& l, const GemmTile& tile, const GemmOperand& a,
                     const GemmOperand& b, std::int64_t N);

/// How many terms a work-group sums, so that there are enough groups for the device.
struct GemmPieces {
  std::int64_t terms;  ///< of a piece: a multiple of the tile's
  std::int64_t count;
};
GemmPieces split_terms(const DeviceNode& l, const GemmTile& tile, std::int64_t batch,
                       std::int64_t M, std::int64_t N, std::int64_t K);
/// All terms in one piece.
GemmPieces one_piece(const GemmTile& tile, std::int64_t K);

/// Tiles side by side, `batch` in dimension 1, pieces in dimension 2.
Range gemm_range(const GemmTile& tile, std::int64_t batch, std::int64_t M, std::int64_t N,
                 const GemmPieces& pieces);

/// Where the kernel puts what it sums: the output, or a piece for each part of it in the workspace.
cl::Buffer gemm_result(LaunchBuilder& l, const GemmPieces& pieces, std::int64_t elements);
/// What the kernel itself does to its sums: nothing, if they are pieces.
Bias gemm_bias(LaunchBuilder& l, const GemmPieces& pieces);
Epilogue gemm_epilogue(LaunchBuilder& l, const GemmPieces& pieces);
/// Appends the launch that adds the pieces of `elements` results in rows of N, if there are
/// several.
void finish_gemm(LaunchBuilder& l, const GemmPieces& pieces, const cl::Buffer& parts,
                 std::int64_t elements, std::int64_t N);

/// What a launch of products multiplies, and what it does with its sums: y [batch,M,N], or a y for
/// each piece of their terms.
struct GemmProduct {
  cl::Buffer a, b;
  Bias bias;
  Epilogue epilogue;
  cl::Buffer y;
};
/// Appends the launch that makes the sums of each piece.
void launch_sums(LaunchBuilder& l, const GemmTile& tile, const GemmPieces& pieces,
                 const MatmulGeometry& g, const GemmProduct& product);

/// Appends the product of the node, y = op(a) op(b) and what follows.
void launch_product(LaunchBuilder& l, MatrixUnits units, const MatmulGeometry& g,
                    const cl::Buffer& a, const cl::Buffer& b);

}  // namespace tessera::opencl

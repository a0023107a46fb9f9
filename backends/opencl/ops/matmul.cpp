// Matrix products: own register tiles on CPU devices, own tiles in local memory on others, CLBlast,
// and a plain kernel.
#include "backends/opencl/ops/matmul.h"

#include <algorithm>

#include "backends/opencl/ops/gemm_tile.h"

// After cl.h, which says which OpenCL is meant.
#include <clblast.h>

namespace tessera::opencl {
namespace {

std::size_t tiles(std::int64_t size, std::int64_t tile) {
  return static_cast<std::size_t>((size + tile - 1) / tile);
}

std::string tile_refusal(const DeviceNode& l) {
  const MatmulGeometry g = matmul_geometry_of(l);
  if (!l.traits().is_cpu) return "made for CPU devices";
  if (g.transpose_a && g.transpose_b) return "both operands are transposed";
  return {};
}

constexpr std::int64_t usual_vectors = 2;
std::int64_t usual_tile_m(const DeviceNode& l) { return matmul_geometry_of(l).M <= 4 ? 4 : 8; }

/// Of matmul_rows; matmul_dots has one shape.
std::vector<Parameters> tile_candidates(const DeviceNode& l) {
  std::vector<Parameters> all;
  if (matmul_geometry_of(l).transpose_b) return all;
  for (std::int64_t tile_m : {4, 6, 8, 12})
    for (std::int64_t vectors : {1, 2, 3})
      if (tile_m * vectors <= 24 && (tile_m != usual_tile_m(l) || vectors != usual_vectors))
        all.push_back({{"tile_m", tile_m}, {"vectors", vectors}});
  return all;
}

void lower_tile(LaunchBuilder& l) {
  const MatmulGeometry g = matmul_geometry_of(l);
  const auto batch = static_cast<std::size_t>(g.batch);
  const Bias bias = bias_of(l);
  Defines defines = l.defines();
  if (g.transpose_b) {
    constexpr std::int64_t tile = 4;
    defines.set("TILE_M", tile).set("TILE_N", tile);
    l.launch("matmul.cl", defines, "matmul_dots", {{tiles(g.M, tile), tiles(g.N, tile), batch}},
             l.input(0), l.input(1), bias.buffer, l.output(0), matmul_params(l, g, bias),
             epilogue_of(l));
    return;
  }
  const std::int64_t tile_m = l.parameter("tile_m", usual_tile_m(l));
  const std::int64_t vectors = l.parameter("vectors", usual_vectors);
  defines.set("TILE_M", tile_m).set("TILE_N", 4).set("NV", vectors);
  l.launch("matmul.cl", defines, "matmul_rows",
           {{tiles(g.M, tile_m), tiles(g.N, vectors * l.width()), batch}}, l.input(0), l.input(1),
           bias.buffer, l.output(0), matmul_params(l, g, bias), l.elements(l.input_spec(1)),
           epilogue_of(l));
}

void lower_naive(LaunchBuilder& l) {
  const MatmulGeometry g = matmul_geometry_of(l);
  const Bias bias = bias_of(l);
  l.launch_items("matmul.cl", l.defines(), "matmul_naive", g.batch * g.M * g.N, 64, l.input(0),
                 l.input(1), bias.buffer, l.output(0), matmul_params(l, g, bias), epilogue_of(l));
}

bool is_empty(const MatmulGeometry& g) { return g.batch * g.M * g.N * g.K == 0; }

std::string local_refusal(const DeviceNode& l) {
  return is_empty(matmul_geometry_of(l)) ? "an operand is empty" : refuse_gemm_tile(l);
}

void lower_local_with(LaunchBuilder& l, MatrixUnits units) {
  launch_product(l, units, matmul_geometry_of(l), l.input(0), l.input(1));
}

void lower_local(LaunchBuilder& l) { lower_local_with(l, MatrixUnits::none); }

std::vector<Parameters> local_candidates(const DeviceNode& l) {
  return gemm_candidates(l, MatrixUnits::none, matmul_geometry_of(l));
}

std::string matrix_units_refusal(const DeviceNode& l) {
  return is_empty(matmul_geometry_of(l)) ? "an operand is empty" : refuse_matrix_units(l);
}

void lower_matrix_units(LaunchBuilder& l) { lower_local_with(l, l.matrix_units()); }

std::vector<Parameters> matrix_units_candidates(const DeviceNode& l) {
  return gemm_candidates(l, l.matrix_units(), matmul_geometry_of(l));
}

std::string clblast_refusal(const DeviceNode& l) {
  return is_empty(matmul_geometry_of(l)) ? "an operand is empty" : "";
}

void check_status(clblast::StatusCode status) {
  if (status != clblast::StatusCode::kSuccess)
    throw Error("matmul", fmt::format("CLBlast gave status {}", static_cast<int>(status)));
}

/// One product of CLBlast's, or a batch of them, with all that it needs.
struct ClblastProduct {
  MatmulGeometry g;
  cl::Buffer a, b, y, temporary;
  bool as_batch;

  clblast::Transpose transpose(bool yes) const {
    return yes ? clblast::Transpose::kYes : clblast::Transpose::kNo;
  }
  std::size_t size(std::int64_t value) const { return static_cast<std::size_t>(value); }
  std::size_t a_row() const { return size(g.transpose_a ? g.M : g.K); }
  std::size_t b_row() const { return size(g.transpose_b ? g.K : g.N); }

  /// What product `i` needs: one that does not start at offset 0 may need more than the first.
  std::size_t temporary_bytes(cl::CommandQueue& queue, std::int64_t i) const {
    cl_command_queue raw = queue();
    std::size_t bytes = 0;
    const std::size_t m = size(g.M), n = size(g.N), k = size(g.K), at = size(i);
    check_status(clblast::GemmTempBufferSize<float>(
        clblast::Layout::kRowMajor, transpose(g.transpose_a), transpose(g.transpose_b), m, n, k,
        at * m * k, a_row(), at * k * n, b_row(), at * m * n, n, &raw, bytes));
    return bytes;
  }

  void operator()(cl::CommandQueue& queue) const {
    cl_command_queue raw = queue();
    const std::size_t m = size(g.M), n = size(g.N), k = size(g.K);
    if (as_batch) {
      check_status(clblast::GemmStridedBatched<float>(
          clblast::Layout::kRowMajor, transpose(g.transpose_a), transpose(g.transpose_b), m, n, k,
          1.0f, a(), 0, a_row(), m * k, b(), 0, b_row(), k * n, 0.0f, y(), 0, n, m * n,
          size(g.batch), &raw));
      return;
    }
    for (std::size_t i = 0; i < size(g.batch); ++i)
      check_status(clblast::Gemm<float>(clblast::Layout::kRowMajor, transpose(g.transpose_a),
                                        transpose(g.transpose_b), m, n, k, 1.0f, a(), i * m * k,
                                        a_row(), b(), i * k * n, b_row(), 0.0f, y(), i * m * n, n,
                                        &raw, nullptr, temporary()));
  }
};

void lower_clblast(LaunchBuilder& l) {
  ClblastProduct product{matmul_geometry_of(l), l.input(0), l.input(1), l.output(0), {}, false};
  const std::int64_t last = product.g.batch - 1;
  const std::size_t first_bytes = product.temporary_bytes(l.queue(), 0);
  // The batched routine, all of it at offset 0, would allocate where the single one takes memory.
  product.as_batch = last > 0 && first_bytes == 0;
  if (first_bytes > 0)
    product.temporary =
        l.workspace(std::max(first_bytes, product.temporary_bytes(l.queue(), last)));
  l.call(product);
  const Bias bias = bias_of(l);
  if (l.input_count() > 2 || l.attributes().has("activation"))
    l.launch_items(
        "matmul.cl", l.defines(), "matmul_finish", l.output_spec(0).elements(), 64, bias.buffer,
        l.output(0),
        MatmulFinishParams{.has_bias = bias.there, .N = l.to_int(product.g.N), .slices = 1},
        epilogue_of(l));
}

}  // namespace

MatmulGeometry matmul_geometry_of(const DeviceNode& l) {
  return matmul_geometry(l.input_spec(0).shape, l.input_spec(1).shape, l.attributes());
}

std::vector<OpAlgorithms> matmul_algorithms() {
  return {{"matmul",
           {long_offsets(
                {"packed", refuse_matmul_packed, lower_matmul_packed, matmul_packed_candidates}),
            long_offsets({"tile", tile_refusal, lower_tile, tile_candidates}),
            {"matrix_units", matrix_units_refusal, lower_matrix_units, matrix_units_candidates},
            {"local", local_refusal, lower_local, local_candidates},
            {"clblast", clblast_refusal, lower_clblast},
            long_offsets({"naive", nullptr, lower_naive})}}};
}

}  // namespace tessera::opencl

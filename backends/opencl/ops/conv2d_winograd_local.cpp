// Convolutions with 3x3 filters and their gradients by Winograd's algorithm on GPUs: transforms
// (cl_kernels/conv2d_winograd_local.cl), and products of them by tiles in local memory, all in
// float32: matrix units would magnify the rounding, and leave the transforms as what takes time.
#include <algorithm>

#include "backends/opencl/ops/conv2d.h"
#include "backends/opencl/ops/gemm_tile.h"
#include "engine/ops/winograd.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/conv2d_winograd_params.h"

constexpr const char* file = "conv2d_winograd_local.cl";

/// The rows of matrices are whole vectors.
std::int64_t row_of(std::int64_t channels) { return ceil_div(channels, 4) * 4; }

/// The time for all tiles, in units of that for a floating-point operation: the products, and what
/// passes through memory between them and the transforms, written and read, filters included. An
/// estimate that no GPU has confirmed, for the tuner to correct: real ones do 10 to 40 operations
/// in the time for a byte, which makes large tiles pay from 64 channels on where all of them is
/// used.
std::int64_t cost(const Conv2dSlide& s, std::int64_t results) {
  constexpr std::int64_t flops_of_byte = 24, bytes = 2 * sizeof(float);
  const std::int64_t tiles = winograd_tiles(s, results), weights = s.ins * s.outs;
  const std::int64_t moved = bytes * (tiles * (s.ins + s.outs) + weights);
  return winograd_positions(results) * (2 * tiles * weights + flops_of_byte * moved);
}

std::int64_t usual_results(const Conv2dSlide& s) { return cost(s, 2) < cost(s, 4) ? 2 : 4; }

std::string doubt(const Conv2dSlide& s) {
  const std::int64_t direct = 2 * 9 * s.N * s.P * s.Q * s.ins * s.outs;
  return cost(s, usual_results(s)) > direct ? "the transforms cost more than they save" : "";
}

/// The floats that all images' transforms may take, and those of the filters.
std::int64_t most_floats(const DeviceNode& l) {
  constexpr std::uint64_t part = 16, most = 256 << 20;
  return static_cast<std::int64_t>(std::min(l.traits().global_memory / part, most) / sizeof(float));
}

/// Those of one image, both sides of the products.
std::int64_t image_floats(const Conv2dSlide& s, std::int64_t results) {
  return winograd_positions(results) * winograd_tiles_of_image(s, results) *
         (row_of(s.ins) + row_of(s.outs));
}

std::string refuse(const DeviceNode& l, const Conv2dGeometry& g, const Conv2dSlide& s) {
  if (const std::string reason = refuse_gemm_tile(l); !reason.empty()) return reason;
  if (const std::string reason = refuse_winograd(g); !reason.empty()) return reason;
  if (g.N * g.H * g.W * g.C * g.K == 0) return "an operand is empty";
  for (std::int64_t results : {2, 4}) {
    const std::int64_t filters = winograd_positions(results) * row_of(s.ins) * row_of(s.outs);
    if (std::max(filters, image_floats(s, results)) > most_floats(l))
      return "the transforms of an image or of the filters take too much memory";
  }
  return {};
}

/// How the passes of a node are computed.
struct Transforms {
  std::int64_t results, positions;
  std::int64_t width;   ///< channels of a work-item
  std::int64_t images;  ///< at a time
  std::int64_t tiles;   ///< of so many
  Defines defines;

  /// The work-items for `rows` rows of `channels`.
  std::int64_t items(std::int64_t rows, std::int64_t channels) const {
    return rows * (channels / width);
  }
  MatmulGeometry product(std::int64_t M, std::int64_t N, std::int64_t K, bool transpose_a,
                         bool transpose_b) const {
    return {.batch = positions,
            .M = M,
            .N = N,
            .K = K,
            .transpose_a = transpose_a,
            .transpose_b = transpose_b};
  }
};

Transforms transforms_of(const DeviceNode& l, const Conv2dSlide& s) {
  Transforms t;
  t.results = l.parameter("results", usual_results(s));
  t.positions = winograd_positions(t.results);
  // One channel, so that all of a tile stays in registers.
  t.width = l.parameter("width", 1);
  const std::int64_t most = std::min(s.N, most_floats(l) / image_floats(s, t.results));
  t.images = ceil_div(s.N, ceil_div(s.N, most));
  t.tiles = t.images * winograd_tiles_of_image(s, t.results);
  t.defines = l.defines(static_cast<std::size_t>(t.width))
                  .set("RESULTS", t.results)
                  .set("SUB_GROUP", l.traits().sub_group);
  return t;
}

/// Calls `launch` with the first of some images and the number of their tiles.
template <class Launches>
void for_images(const Conv2dSlide& s, const Transforms& t, const Launches& launch) {
  for (std::int64_t first = 0; first < s.N; first += t.images)
    launch(first, std::min(t.images, s.N - first) * winograd_tiles_of_image(s, t.results));
}

/// `row`: channels of the matrix that a kernel reads or writes.
WinogradLocalParams params_of(const DeviceNode& l, const Conv2dSlide& s, std::int64_t first_image,
                              std::int64_t tiles, std::int64_t row) {
  return {.H = l.to_int(s.H),
          .W = l.to_int(s.W),
          .C = l.to_int(s.ins),
          .P = l.to_int(s.P),
          .Q = l.to_int(s.Q),
          .K = l.to_int(s.outs),
          .before_h = l.to_int(s.before_h),
          .before_w = l.to_int(s.before_w),
          .first_image = l.to_int(first_image),
          .tiles = l.to_int(tiles),
          .row = l.to_int(row)};
}

void transform_source(LaunchBuilder& l, const Conv2dSlide& s, const Transforms& t,
                      std::int64_t first, std::int64_t tiles, const cl::Buffer& to) {
  const std::int64_t row = row_of(s.ins);
  l.launch_items(file, t.defines, "winograd_local_source", t.items(tiles, row), 8, l.input(0), to,
                 params_of(l, s, first, tiles, row));
}

/// The filters [position, K, C] of w; turned around for the gradient of the input.
cl::Buffer transformed_filters(LaunchBuilder& l, const Transforms& t, const Conv2dGeometry& g,
                               bool turned) {
  const auto prepacking = filters_prepacking(l, false);
  const std::int64_t rows = row_of(g.K), row = row_of(g.C);
  const cl::Buffer filters = l.workspace(float_bytes(t.positions * rows * row));
  l.launch_items(file, t.defines, "winograd_local_filters", t.items(rows, row), 8, l.input(1),
                 filters,
                 WinogradLocalFiltersParams{.K = l.to_int(g.K),
                                            .C = l.to_int(g.C),
                                            .rows = l.to_int(rows),
                                            .row = l.to_int(row),
                                            .first_tap = l.to_int(turned ? 8 : 0),
                                            .next_tap = l.to_int(turned ? -1 : 1)});
  return filters;
}

void slide(LaunchBuilder& l, const Conv2dSlide& s, const Conv2dGeometry& g, bool is_gradient) {
  const Transforms t = transforms_of(l, s);
  const cl::Buffer filters = transformed_filters(l, t, g, is_gradient);
  const std::int64_t ins = row_of(s.ins), outs = row_of(s.outs);
  const cl::Buffer transformed = l.workspace(float_bytes(t.positions * t.tiles * ins));
  const cl::Buffer products = l.workspace(float_bytes(t.positions * t.tiles * outs));
  const Bias none = {l.unused(), false}, bias = bias_of(l);
  const Epilogue nothing = no_epilogue(l), epilogue = epilogue_of(l);
  for_images(s, t, [&](std::int64_t first, std::int64_t tiles) {
    transform_source(l, s, t, first, tiles, transformed);
    const GemmTile tile = choose_gemm_tile(l, MatrixUnits::none, t.positions, tiles, outs);
    launch_sums(l, tile, one_piece(tile, ins), t.product(tiles, outs, ins, false, !is_gradient),
                {.a = transformed, .b = filters, .bias = none, .epilogue = nothing, .y = products});
    l.launch_items(file, t.defines, "winograd_local_results", t.items(tiles, s.outs), 8, products,
                   bias.buffer, l.output(0), bias.there, params_of(l, s, first, tiles, outs),
                   epilogue);
  });
}

void lower_forward(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_geometry_of(l);
  slide(l, forward_slide(g), g, false);
}

void lower_dx(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(l);
  slide(l, gradient_slide(g), g, true);
}

/// Products over the tiles, in pieces where the matrices are small.
void lower_dw(LaunchBuilder& l) {
  const Conv2dGeometry g = conv2d_dw_geometry_of(l);
  const Conv2dSlide s = forward_slide(g);
  const Transforms t = transforms_of(l, s);
  const std::int64_t rows = row_of(g.K), row = row_of(g.C);
  const GemmTile tile = choose_gemm_tile(l, MatrixUnits::none, t.positions, rows, row);
  const auto pieces_of = [&](std::int64_t tiles) {
    return split_terms(l, tile, t.positions, rows, row, tiles);
  };
  std::int64_t most_pieces = 0;
  for_images(s, t, [&](std::int64_t, std::int64_t tiles) {
    most_pieces = std::max(most_pieces, pieces_of(tiles).count);
  });
  const cl::Buffer transformed = l.workspace(float_bytes(t.positions * t.tiles * row));
  const cl::Buffer gradients = l.workspace(float_bytes(t.positions * t.tiles * rows));
  const cl::Buffer parts = l.workspace(float_bytes(most_pieces * t.positions * rows * row));
  const Bias none = {l.unused(), false};
  const Epilogue nothing = no_epilogue(l);
  for_images(s, t, [&](std::int64_t first, std::int64_t tiles) {
    transform_source(l, s, t, first, tiles, transformed);
    l.launch_items(file, t.defines, "winograd_local_gradients", t.items(tiles, rows), 8, l.input(1),
                   gradients, params_of(l, s, first, tiles, rows));
    const GemmPieces pieces = pieces_of(tiles);
    launch_sums(l, tile, pieces, t.product(rows, row, tiles, true, false),
                {.a = gradients, .b = transformed, .bias = none, .epilogue = nothing, .y = parts});
    l.launch_items(file, t.defines, "winograd_local_weights", t.items(g.K, g.C), 8, parts,
                   l.output(0),
                   WinogradLocalWeightsParams{.C = l.to_int(g.C),
                                              .rows = l.to_int(rows),
                                              .row = l.to_int(row),
                                              .slices = l.to_int(pieces.count),
                                              .is_first = first == 0});
  });
}

/// The other size of tiles, more channels for a work-item, and other tiles of the products.
std::vector<Parameters> candidates(const DeviceNode& l, const Conv2dSlide& s,
                                   const MatmulGeometry& product, bool splits) {
  constexpr std::int64_t most_numbers = 72;  // that every GPU keeps in registers
  const std::int64_t usual = usual_results(s);
  std::vector<Parameters> all = gemm_candidates(l, MatrixUnits::none, product, splits);
  all.push_back({{"results", usual == 4 ? 2 : 4}});
  for (std::int64_t width : {2, 4})
    if (s.ins % width + s.outs % width == 0 && width * winograd_positions(usual) <= most_numbers)
      all.push_back({{"width", width}});
  return all;
}

std::vector<Parameters> slide_candidates(const DeviceNode& l, const Conv2dSlide& s) {
  const Transforms t = transforms_of(l, s);
  return candidates(l, s, t.product(t.tiles, row_of(s.outs), row_of(s.ins), false, false), false);
}

std::vector<Parameters> forward_candidates(const DeviceNode& l) {
  return slide_candidates(l, forward_slide(conv2d_geometry_of(l)));
}

std::vector<Parameters> dx_candidates(const DeviceNode& l) {
  return slide_candidates(l, gradient_slide(conv2d_dx_geometry_of(l)));
}

std::vector<Parameters> dw_candidates(const DeviceNode& l) {
  const Conv2dSlide s = forward_slide(conv2d_dw_geometry_of(l));
  const Transforms t = transforms_of(l, s);
  return candidates(l, s, t.product(row_of(s.outs), row_of(s.ins), t.tiles, true, false), true);
}

template <Conv2dGeometry (*geometry)(const DeviceNode&),
          Conv2dSlide (*slide)(const Conv2dGeometry&)>
std::string refusal(const DeviceNode& l) {
  const Conv2dGeometry g = geometry(l);
  return refuse(l, g, slide(g));
}

template <Conv2dGeometry (*geometry)(const DeviceNode&),
          Conv2dSlide (*slide)(const Conv2dGeometry&)>
std::string doubts(const DeviceNode& l) {
  return doubt(slide(geometry(l)));
}

}  // namespace

constinit const Algorithm conv2d_winograd_local =
    long_offsets({"winograd_local", refusal<conv2d_geometry_of, forward_slide>, lower_forward,
                  forward_candidates, doubts<conv2d_geometry_of, forward_slide>});
constinit const Algorithm conv2d_dx_winograd_local =
    long_offsets({"winograd_local", refusal<conv2d_dx_geometry_of, gradient_slide>, lower_dx,
                  dx_candidates, doubts<conv2d_dx_geometry_of, gradient_slide>});
constinit const Algorithm conv2d_dw_winograd_local =
    long_offsets({"winograd_local", refusal<conv2d_dw_geometry_of, forward_slide>, lower_dw,
                  dw_candidates, doubts<conv2d_dw_geometry_of, forward_slide>});

}  // namespace tessera::opencl

// Convolution as matrix products by tiles in local memory: cl_kernels/conv2d_local.cl.
#include <bit>

#include "backends/opencl/conv2d.h"
#include "backends/opencl/gemm_tile.h"

namespace tessera::opencl {
namespace {

constexpr const char* file = "conv2d_local.cl";

/// Empty if all is in one group and there is something to compute.
std::string refuse(const Conv2dGeometry& g) {
  if (g.groups != 1) return "the channels are in groups";
  return g.N * g.H * g.W * g.C * g.K * g.R * g.S == 0 ? "an operand is empty" : "";
}

/// Whether the pixels of x and y are the same ones, so that rows of a matrix are pixels.
bool is_product(const Conv2dGeometry& g) {
  return g.R * g.S == 1 && g.stride_h * g.stride_w == 1 && g.P == g.H && g.Q == g.W &&
         g.padding_h == 0 && g.padding_w == 0;
}

/// Multiplier and shift with which divide() of the kernels divides by d: exact below 2^31, since
/// the multiplier is less than d too large for 2^(32 + shift).
cl_uint2 divisor(std::int64_t d) {
  cl_uint2 by = {};
  if (d <= 1) return by;  // the kernel leaves the number as it is
  const int shift = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(d - 1))) - 1;
  const std::uint64_t power = std::uint64_t{1} << (32 + shift);
  by.s[0] = static_cast<cl_uint>((power + static_cast<std::uint64_t>(d) - 1) /
                                 static_cast<std::uint64_t>(d));
  by.s[1] = static_cast<cl_uint>(shift);
  return by;
}

/// The weights as the filter of a pass sees them: strides of result channels, rows, columns and
/// channels of the source.
struct FilterStrides {
  std::int64_t base, out, row, column, in;
};

/// Where the pixels of a result stand; neighbouring channels are neighbours.
struct ResultStrides {
  std::int64_t base, image, row, column;

  /// Whether the pixels follow each other without gaps.
  bool contiguous(std::int64_t Q, std::int64_t channels) const {
    return base == 0 && column == channels && row == Q * channels;
  }
};

struct Slide {
  cl::Buffer x, w;
  std::int64_t images, rows, columns, ins, outs;  ///< the source is images x rows x columns x ins
  Axis h, v;
  FilterStrides filter;
  ResultStrides result;
  GemmOperand weights;
};

void launch_slide(Lowering& l, MatrixUnits units, const Slide& s) {
  const std::int64_t M = s.images * s.h.results * s.v.results, N = s.outs;
  const std::int64_t K = s.h.taps * s.v.taps * s.ins;
  if (M == 0) return;
  const GemmTile tile = choose_gemm_tile(l, units, 1, M, N);
  const bool contiguous = s.result.contiguous(s.v.results, N);
  const GemmPieces pieces = contiguous ? split_terms(l, tile, 1, M, N, K) : one_piece(tile, K);
  const cl::Buffer sums = gemm_result(l, pieces, M * N);
  const Bias bias = gemm_bias(l, pieces);
  l.launch(file, gemm_defines(l, tile, {true, s.ins}, s.weights, N), "conv2d_local",
           gemm_range(tile, 1, M, N, pieces), s.x, s.w, bias.buffer, sums, bias.there, l.to_int(M),
           l.to_int(N), l.to_int(K), l.to_int(s.h.results), divisor(s.h.results),
           l.to_int(s.v.results), divisor(s.v.results), l.to_int(s.ins), divisor(s.ins),
           l.to_int(s.v.taps), divisor(s.v.taps), l.to_int(s.rows), l.to_int(s.columns),
           l.to_int(s.h.base), l.to_int(s.h.stride), l.to_int(s.h.step), l.to_int(s.v.base),
           l.to_int(s.v.stride), l.to_int(s.v.step), l.to_int(s.filter.base),
           l.to_int(s.filter.out), l.to_int(s.filter.row), l.to_int(s.filter.column),
           l.to_int(s.filter.in), l.to_int(s.result.base), l.to_int(s.result.image),
           l.to_int(s.result.row), l.to_int(s.result.column), l.to_int(pieces.terms),
           gemm_epilogue(l, pieces));
  finish_gemm(l, pieces, sums, M * N, N);
}

void lower_forward(Lowering& l, MatrixUnits units) {
  const Conv2dGeometry g = conv2d_geometry_of(l);
  const std::int64_t filter = g.R * g.S * g.C;
  if (is_product(g)) {
    launch_product(l, units, {1, g.N * g.P * g.Q, g.K, g.C, false, true}, l.input(0), l.input(1));
    return;
  }
  launch_slide(l, units,
               {l.input(0),
                l.input(1),
                g.N,
                g.H,
                g.W,
                g.C,
                g.K,
                forward_axis(g.P, g.R, g.stride_h, g.padding_h, g.dilation_h),
                forward_axis(g.Q, g.S, g.stride_w, g.padding_w, g.dilation_w),
                {0, filter, g.S * g.C, g.C, 1},
                {0, g.P * g.Q * g.K, g.Q * g.K, g.K},
                {true, g.C}});
}

// The inputs a, a + stride, ... of each axis are a convolution of their own, without gaps.
void lower_dx(Lowering& l, MatrixUnits units) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(l);
  if (is_product(g)) {
    launch_product(l, units, {1, g.N * g.P * g.Q, g.C, g.K, false, false}, l.input(0), l.input(1));
    return;
  }
  for (std::int64_t a = 0; a < g.stride_h; ++a)
    for (std::int64_t b = 0; b < g.stride_w; ++b) {
      const Axis h = gradient_axis(g.H, a, g.R, g.stride_h, g.padding_h, g.dilation_h);
      const Axis v = gradient_axis(g.W, b, g.S, g.stride_w, g.padding_w, g.dilation_w);
      launch_slide(
          l, units,
          {l.input(0),
           l.input(1),
           g.N,
           g.P,
           g.Q,
           g.K,
           g.C,
           h,
           v,
           {h.first * g.S * g.C + v.first * g.C, 1, h.next * g.S * g.C, v.next * g.C,
            g.R * g.S * g.C},
           {(a * g.W + b) * g.C, g.H * g.W * g.C, g.stride_h * g.W * g.C, g.stride_w * g.C},
           {false, g.C}});
    }
}

void lower_dw(Lowering& l, MatrixUnits units) {
  const Conv2dGeometry g = conv2d_dw_geometry_of(l);
  const std::int64_t M = g.K, N = g.R * g.S * g.C, K = g.N * g.P * g.Q;
  if (is_product(g)) {
    launch_product(l, units, {1, M, N, K, true, false}, l.input(1), l.input(0));
    return;
  }
  const GemmTile tile = choose_gemm_tile(l, units, 1, M, N);
  const GemmPieces pieces = split_terms(l, tile, 1, M, N, K);
  const cl::Buffer sums = gemm_result(l, pieces, M * N);
  l.launch(file, gemm_defines(l, tile, {false, g.K}, {false, g.C}, N), "conv2d_dw_local",
           gemm_range(tile, 1, M, N, pieces), l.input(0), l.input(1), sums, l.to_int(M),
           l.to_int(N), l.to_int(K), l.to_int(g.P), divisor(g.P), l.to_int(g.Q), divisor(g.Q),
           l.to_int(g.C), divisor(g.C), l.to_int(g.S), divisor(g.S), l.to_int(g.H), l.to_int(g.W),
           l.to_int(-g.padding_h), l.to_int(g.stride_h), l.to_int(g.dilation_h),
           l.to_int(-g.padding_w), l.to_int(g.stride_w), l.to_int(g.dilation_w),
           l.to_int(pieces.terms), gemm_epilogue(l, pieces));
  finish_gemm(l, pieces, sums, M * N, N);
}

template <Conv2dGeometry (*geometry)(const Lowering&)>
std::string refuse_local(const Lowering& l) {
  const std::string reason = refuse(geometry(l));
  return reason.empty() ? refuse_gemm_tile(l) : reason;
}

template <Conv2dGeometry (*geometry)(const Lowering&)>
std::string refuse_units(const Lowering& l) {
  const std::string reason = refuse(geometry(l));
  return reason.empty() ? refuse_matrix_units(l) : reason;
}

// The products that the passes are. The gradient of the input is one for each phase of a stride,
// whose results stand apart, so that none of them is split.
std::vector<Parameters> forward_candidates(const Lowering& l, MatrixUnits units) {
  const Conv2dGeometry g = conv2d_geometry_of(l);
  return gemm_candidates(l, units, {1, g.N * g.P * g.Q, g.K, g.R * g.S * g.C, false, false});
}

std::vector<Parameters> dx_candidates(const Lowering& l, MatrixUnits units) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(l);
  const std::int64_t rows = ceil_div(g.H, g.stride_h), columns = ceil_div(g.W, g.stride_w);
  return gemm_candidates(l, units, {1, g.N * rows * columns, g.C, g.R * g.S * g.K, false, false},
                         g.stride_h * g.stride_w == 1);
}

std::vector<Parameters> dw_candidates(const Lowering& l, MatrixUnits units) {
  const Conv2dGeometry g = conv2d_dw_geometry_of(l);
  return gemm_candidates(l, units, {1, g.K, g.R * g.S * g.C, g.N * g.P * g.Q, false, false});
}

template <std::vector<Parameters> (*candidates)(const Lowering&, MatrixUnits)>
std::vector<Parameters> local_candidates(const Lowering& l) {
  return candidates(l, MatrixUnits::none);
}

template <std::vector<Parameters> (*candidates)(const Lowering&, MatrixUnits)>
std::vector<Parameters> units_candidates(const Lowering& l) {
  return candidates(l, l.device().matrix_units());
}

template <void (*lower)(Lowering&, MatrixUnits)>
void lower_local(Lowering& l) {
  lower(l, MatrixUnits::none);
}

template <void (*lower)(Lowering&, MatrixUnits)>
void lower_units(Lowering& l) {
  lower(l, l.device().matrix_units());
}

}  // namespace

constinit const LocalAlgorithms conv2d_local = {
    {"matrix_units", refuse_units<conv2d_geometry_of>, lower_units<lower_forward>,
     units_candidates<forward_candidates>},
    {"local", refuse_local<conv2d_geometry_of>, lower_local<lower_forward>,
     local_candidates<forward_candidates>}};
constinit const LocalAlgorithms conv2d_dx_local = {
    {"matrix_units", refuse_units<conv2d_dx_geometry_of>, lower_units<lower_dx>,
     units_candidates<dx_candidates>},
    {"local", refuse_local<conv2d_dx_geometry_of>, lower_local<lower_dx>,
     local_candidates<dx_candidates>}};
constinit const LocalAlgorithms conv2d_dw_local = {
    {"matrix_units", refuse_units<conv2d_dw_geometry_of>, lower_units<lower_dw>,
     units_candidates<dw_candidates>},
    {"local", refuse_local<conv2d_dw_geometry_of>, lower_local<lower_dw>,
     local_candidates<dw_candidates>}};

}  // namespace tessera::opencl

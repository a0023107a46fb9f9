// Convolution as matrix products by tiles in local memory: cl_kernels/conv2d_local.cl.
#include <bit>

#include "backends/opencl/ops/conv2d.h"
#include "backends/opencl/ops/gemm_tile.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/conv2d_local_params.h"

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
Divisor divisor(std::int64_t d) {
  Divisor by = {};
  if (d <= 1) return by;  // the kernel leaves the number as it is
  const int shift = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(d - 1))) - 1;
  const std::uint64_t power = std::uint64_t{1} << (32 + shift);
  by.multiplier = static_cast<cl_uint>((power + static_cast<std::uint64_t>(d) - 1) /
                                       static_cast<std::uint64_t>(d));
  by.shift = static_cast<cl_uint>(shift);
  return by;
}

/// The weights as the filter of a pass sees them: strides of result channels, taps and channels of
/// the source.
struct FilterStrides {
  std::int64_t base, k, r, s, c;
};

/// Where the pixels of a result are; neighboring channels are neighbors.
struct ResultStrides {
  std::int64_t base, n, p, q;

  /// Whether the pixels follow each other without gaps.
  bool contiguous(std::int64_t Q, std::int64_t K) const {
    return base == 0 && q == K && p == Q * K;
  }
};

struct Slide {
  cl::Buffer x, filter_buffer;
  std::int64_t N, H, W, C, K;  ///< the source is [N,H,W,C]
  Axis h, w;
  FilterStrides filter;
  ResultStrides result;
  GemmOperand weights;
};

void launch_slide(LaunchBuilder& l, MatrixUnits units, const Slide& s) {
  const std::int64_t M = s.N * s.h.results * s.w.results, N = s.K;
  const std::int64_t K = s.h.taps * s.w.taps * s.C;
  if (M == 0) return;
  const GemmTile tile = choose_gemm_tile(l, units, 1, M, N);
  const bool contiguous = s.result.contiguous(s.w.results, N);
  const GemmPieces pieces = contiguous ? split_terms(l, tile, 1, M, N, K) : one_piece(tile, K);
  const cl::Buffer sums = gemm_result(l, pieces, M * N);
  const Bias bias = gemm_bias(l, pieces);
  const Conv2dLocalParams params = {.gemm_m = l.to_int(M),
                                    .gemm_n = l.to_int(N),
                                    .gemm_k = l.to_int(K),
                                    .slice = l.to_int(pieces.terms),
                                    .P = l.to_int(s.h.results),
                                    .Q = l.to_int(s.w.results),
                                    .C = l.to_int(s.C),
                                    .S = l.to_int(s.w.taps),
                                    .by_P = divisor(s.h.results),
                                    .by_Q = divisor(s.w.results),
                                    .by_C = divisor(s.C),
                                    .by_S = divisor(s.w.taps),
                                    .H = l.to_int(s.H),
                                    .W = l.to_int(s.W),
                                    .h_base = l.to_int(s.h.base),
                                    .h_stride = l.to_int(s.h.stride),
                                    .h_step = l.to_int(s.h.step),
                                    .w_base = l.to_int(s.w.base),
                                    .w_stride = l.to_int(s.w.stride),
                                    .w_step = l.to_int(s.w.step)};
  const Conv2dLocalStrides strides = {.has_bias = bias.there,
                                      .filter_base = l.to_int(s.filter.base),
                                      .filter_k = l.to_int(s.filter.k),
                                      .filter_r = l.to_int(s.filter.r),
                                      .filter_s = l.to_int(s.filter.s),
                                      .filter_c = l.to_int(s.filter.c),
                                      .y_base = l.to_int(s.result.base),
                                      .y_n = l.to_int(s.result.n),
                                      .y_p = l.to_int(s.result.p),
                                      .y_q = l.to_int(s.result.q)};
  l.launch(file, gemm_defines(l, tile, {true, s.C}, s.weights, N), "conv2d_local",
           gemm_range(tile, 1, M, N, pieces), s.x, s.filter_buffer, bias.buffer, sums, params,
           strides, gemm_epilogue(l, pieces));
  finish_gemm(l, pieces, sums, M * N, N);
}

void lower_forward(LaunchBuilder& l, MatrixUnits units) {
  const Conv2dGeometry g = conv2d_geometry_of(l);
  if (is_product(g)) {
    launch_product(l, units,
                   {.batch = 1,
                    .M = g.N * g.P * g.Q,
                    .N = g.K,
                    .K = g.C,
                    .transpose_a = false,
                    .transpose_b = true},
                   l.input(0), l.input(1));
    return;
  }
  launch_slide(l, units,
               {.x = l.input(0),
                .filter_buffer = l.input(1),
                .N = g.N,
                .H = g.H,
                .W = g.W,
                .C = g.C,
                .K = g.K,
                .h = forward_axis(g.P, g.R, g.stride_h, g.padding_h, g.dilation_h),
                .w = forward_axis(g.Q, g.S, g.stride_w, g.padding_w, g.dilation_w),
                .filter = {.base = 0, .k = g.R * g.S * g.C, .r = g.S * g.C, .s = g.C, .c = 1},
                .result = {.base = 0, .n = g.P * g.Q * g.K, .p = g.Q * g.K, .q = g.K},
                .weights = {.along_k = true, .row = g.C}});
}

// The inputs a, a + stride, ... of each axis are a convolution of their own, without gaps.
void lower_dx(LaunchBuilder& l, MatrixUnits units) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(l);
  if (is_product(g)) {
    launch_product(l, units,
                   {.batch = 1,
                    .M = g.N * g.P * g.Q,
                    .N = g.C,
                    .K = g.K,
                    .transpose_a = false,
                    .transpose_b = false},
                   l.input(0), l.input(1));
    return;
  }
  for (std::int64_t a = 0; a < g.stride_h; ++a)
    for (std::int64_t b = 0; b < g.stride_w; ++b) {
      const Axis h = gradient_axis(g.H, a, g.R, g.stride_h, g.padding_h, g.dilation_h);
      const Axis w = gradient_axis(g.W, b, g.S, g.stride_w, g.padding_w, g.dilation_w);
      launch_slide(l, units,
                   {.x = l.input(0),
                    .filter_buffer = l.input(1),
                    .N = g.N,
                    .H = g.P,
                    .W = g.Q,
                    .C = g.K,
                    .K = g.C,
                    .h = h,
                    .w = w,
                    .filter = {.base = h.first * g.S * g.C + w.first * g.C,
                               .k = 1,
                               .r = h.next * g.S * g.C,
                               .s = w.next * g.C,
                               .c = g.R * g.S * g.C},
                    .result = {.base = (a * g.W + b) * g.C,
                               .n = g.H * g.W * g.C,
                               .p = g.stride_h * g.W * g.C,
                               .q = g.stride_w * g.C},
                    .weights = {.along_k = false, .row = g.C}});
    }
}

void lower_dw(LaunchBuilder& l, MatrixUnits units) {
  const Conv2dGeometry g = conv2d_dw_geometry_of(l);
  const std::int64_t M = g.K, N = g.R * g.S * g.C, K = g.N * g.P * g.Q;
  if (is_product(g)) {
    launch_product(l, units,
                   {.batch = 1, .M = M, .N = N, .K = K, .transpose_a = true, .transpose_b = false},
                   l.input(1), l.input(0));
    return;
  }
  const GemmTile tile = choose_gemm_tile(l, units, 1, M, N);
  const GemmPieces pieces = split_terms(l, tile, 1, M, N, K);
  const cl::Buffer sums = gemm_result(l, pieces, M * N);
  const Conv2dLocalParams params = {.gemm_m = l.to_int(M),
                                    .gemm_n = l.to_int(N),
                                    .gemm_k = l.to_int(K),
                                    .slice = l.to_int(pieces.terms),
                                    .P = l.to_int(g.P),
                                    .Q = l.to_int(g.Q),
                                    .C = l.to_int(g.C),
                                    .S = l.to_int(g.S),
                                    .by_P = divisor(g.P),
                                    .by_Q = divisor(g.Q),
                                    .by_C = divisor(g.C),
                                    .by_S = divisor(g.S),
                                    .H = l.to_int(g.H),
                                    .W = l.to_int(g.W),
                                    .h_base = l.to_int(-g.padding_h),
                                    .h_stride = l.to_int(g.stride_h),
                                    .h_step = l.to_int(g.dilation_h),
                                    .w_base = l.to_int(-g.padding_w),
                                    .w_stride = l.to_int(g.stride_w),
                                    .w_step = l.to_int(g.dilation_w)};
  l.launch(file,
           gemm_defines(l, tile, {.along_k = false, .row = g.K}, {.along_k = false, .row = g.C}, N),
           "conv2d_dw_local", gemm_range(tile, 1, M, N, pieces), l.input(0), l.input(1), sums,
           params, gemm_epilogue(l, pieces));
  finish_gemm(l, pieces, sums, M * N, N);
}

template <Conv2dGeometry (*geometry)(const DeviceNode&)>
std::string refuse_local(const DeviceNode& l) {
  const std::string reason = refuse(geometry(l));
  return reason.empty() ? refuse_gemm_tile(l) : reason;
}

template <Conv2dGeometry (*geometry)(const DeviceNode&)>
std::string refuse_units(const DeviceNode& l) {
  const std::string reason = refuse(geometry(l));
  return reason.empty() ? refuse_matrix_units(l) : reason;
}

MatmulGeometry products(std::int64_t M, std::int64_t N, std::int64_t K) {
  return {.batch = 1, .M = M, .N = N, .K = K, .transpose_a = false, .transpose_b = false};
}

// The products that the passes are. The gradient of the input is one for each phase of a stride,
// whose results stand apart, so that none of them is split.
std::vector<Parameters> forward_candidates(const DeviceNode& l, MatrixUnits units) {
  const Conv2dGeometry g = conv2d_geometry_of(l);
  return gemm_candidates(l, units, products(g.N * g.P * g.Q, g.K, g.R * g.S * g.C));
}

std::vector<Parameters> dx_candidates(const DeviceNode& l, MatrixUnits units) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(l);
  const std::int64_t rows = ceil_div(g.H, g.stride_h), columns = ceil_div(g.W, g.stride_w);
  return gemm_candidates(l, units, products(g.N * rows * columns, g.C, g.R * g.S * g.K),
                         g.stride_h * g.stride_w == 1);
}

std::vector<Parameters> dw_candidates(const DeviceNode& l, MatrixUnits units) {
  const Conv2dGeometry g = conv2d_dw_geometry_of(l);
  return gemm_candidates(l, units, products(g.K, g.R * g.S * g.C, g.N * g.P * g.Q));
}

template <std::vector<Parameters> (*candidates)(const DeviceNode&, MatrixUnits)>
std::vector<Parameters> local_candidates(const DeviceNode& l) {
  return candidates(l, MatrixUnits::none);
}

template <std::vector<Parameters> (*candidates)(const DeviceNode&, MatrixUnits)>
std::vector<Parameters> units_candidates(const DeviceNode& l) {
  return candidates(l, l.matrix_units());
}

template <void (*lower)(LaunchBuilder&, MatrixUnits)>
void lower_local(LaunchBuilder& l) {
  lower(l, MatrixUnits::none);
}

template <void (*lower)(LaunchBuilder&, MatrixUnits)>
void lower_units(LaunchBuilder& l) {
  lower(l, l.matrix_units());
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

// Convolution of one group and its gradients as matrix products by tiles in local memory: the loads
// gather from the tensors, so that no matrix of patches is ever written (gemm_tile.h).
//
// conv2d_local: the forward pass and the gradient of the input. Rows are pixels of the result,
// columns its channels; K counts taps (r,s) times the C channels of the tensor that the filter
// slides over. The host describes both passes by strides, as for conv2d_tile. conv2d_dw_local: rows
// are output channels, columns the weights (r,s,c) of one, K the pixels of dy.
//
// A work-group computes one tile of the result, or of one split-K slice, which matmul_local_finish
// adds. Dimension 0: tiles, row by row. Dimension 2: slices.
#include "conv2d_local_params.h"
#include "gemm_tile.h"

// n / d for n >= 0.
INLINE int divide(int n, Divisor by) {
  return by.multiplier ? (int)(mul_hi((uint)n, by.multiplier) >> by.shift) : n;
}

// The first tap reads row h and column w of x [H,W,C], at `offset`; x is zero outside.
typedef struct {
  int h, w, offset;
} Place;

INLINE bool is_inside(Place place, int down, int across, int H, int W) {
  return (uint)(place.h + down) < (uint)H && (uint)(place.w + across) < (uint)W;
}

// The loads of a work-item of conv2d_local, from `begin` to `end` of K.
typedef struct {
  __global const float *x, *filter;
  Conv2dLocalParams args;
  Conv2dLocalStrides strides;
  int begin, end;
  Place places[A_LOADS];
  int columns[B_LOADS];
} SlideLoads;

INLINE void load_slide(const SlideLoads* loads, int step, float staged_a[A_LOADS][A_WIDTH],
                       float staged_b[B_LOADS][B_WIDTH], int item) {
  const Conv2dLocalParams args = loads->args;
  const Conv2dLocalStrides strides = loads->strides;
  {
    const int k = loads->begin + step * TILE_K + A_K(0);  // of all loads, which are along k
    const int tap = divide(k, args.by_C), r = divide(tap, args.by_S), s = tap - r * args.S;
    const int down = r * args.h_step, across = s * args.w_step;
    const int offset = (down * args.W + across) * args.C + k - tap * args.C;
    UNROLL_ALL
    for (int j = 0; j < A_LOADS; ++j)
      fetch(staged_a[j], loads->x, loads->places[j].offset + offset,
            k < loads->end && is_inside(loads->places[j], down, across, args.H, args.W), A_WIDTH);
  }
  UNROLL_ALL
  for (int j = 0; j < B_LOADS; ++j) {
    const int k = loads->begin + step * TILE_K + B_K(j);
    const int tap = divide(k, args.by_C), r = divide(tap, args.by_S), s = tap - r * args.S;
    fetch(staged_b[j], loads->filter,
          loads->columns[j] + r * strides.filter_r + s * strides.filter_s +
              (k - tap * args.C) * strides.filter_c,
          k < loads->end, B_WIDTH);
  }
}

__kernel TILE_GROUP void conv2d_local(__global const float* restrict x,
                                      __global const float* restrict filter,
                                      __global const float* restrict bias,
                                      __global float* restrict y, const Conv2dLocalParams args,
                                      const Conv2dLocalStrides strides,
                                      __global const float* restrict residual,
                                      const EpilogueParams epilogue) {
  TILE_MEMORY;
  const int item = (int)get_local_id(0), tile = (int)get_group_id(0);
  const int M = args.gemm_m, N = args.gemm_n, tiles_n = (N + TILE_N - 1) / TILE_N;
  const int m = tile / tiles_n * TILE_M, n = tile % tiles_n * TILE_N;
  SlideLoads loads;
  loads.x = x;
  loads.filter = filter;
  loads.args = args;
  loads.strides = strides;
  loads.begin = (int)get_global_id(2) * args.slice;
  loads.end = min(loads.begin + args.slice, args.gemm_k);
  y += get_global_id(2) * M * N;
  // Loads past the last pixel or channel repeat the last one; their sums are not stored.
  UNROLL_ALL
  for (int j = 0; j < A_LOADS; ++j) {
    const int pixel = min(m + A_ROW(j), M - 1);
    const int row = divide(pixel, args.by_Q), image = divide(row, args.by_P);
    Place* const place = loads.places + j;
    place->h = args.h_base + (row - image * args.P) * args.h_stride;
    place->w = args.w_base + (pixel - row * args.Q) * args.w_stride;
    place->offset = ((image * args.H + place->h) * args.W + place->w) * args.C;
  }
  UNROLL_ALL
  for (int j = 0; j < B_LOADS; ++j)
    loads.columns[j] = strides.filter_base +
                       min(n + B_COLUMN(j), B_ALONG_K ? N - 1 : N - B_WIDTH) * strides.filter_k;
  float sums[ITEM_M][ITEM_N];
  start_sums(sums, bias, strides.has_bias, n, N, item);
  ADD_PRODUCTS((loads.end - loads.begin + TILE_K - 1) / TILE_K, load_slide, &loads);
  UNROLL_ALL
  for (int i = 0; i < ITEM_M; ++i) {
    const int pixel = m + SUM_ROW(i);
    if (pixel < M) {
      const int row = divide(pixel, args.by_Q), image = divide(row, args.by_P);
      const size_t at = strides.y_base + (size_t)image * strides.y_n +
                        (row - image * args.P) * strides.y_p + (pixel - row * args.Q) * strides.y_q;
      store_row(y, at, sums[i], n, N, item, residual, epilogue);
    }
  }
}

// The loads of a work-item of conv2d_dw_local: always the same channels of dy, and the same tap of
// x, which is `down` and `across` from a pixel.
typedef struct {
  __global const float *x, *dy;
  Conv2dLocalParams args;
  int begin, end;
  int channel, first, down, across;
} GradientLoads;

INLINE void load_gradient(const GradientLoads* loads, int step, float staged_a[A_LOADS][A_WIDTH],
                          float staged_b[B_LOADS][B_WIDTH], int item) {
  const Conv2dLocalParams args = loads->args;
  UNROLL_ALL
  for (int j = 0; j < A_LOADS; ++j) {
    const int pixel = loads->begin + step * TILE_K + A_K(j);
    fetch(staged_a[j], loads->dy, pixel * args.gemm_m + loads->channel, pixel < loads->end,
          A_WIDTH);
  }
  UNROLL_ALL
  for (int j = 0; j < B_LOADS; ++j) {
    const int pixel = loads->begin + step * TILE_K + B_K(j);
    const int row = divide(pixel, args.by_Q), image = divide(row, args.by_P);
    const Place place = {(row - image * args.P) * args.h_stride,
                         (pixel - row * args.Q) * args.w_stride, 0};
    fetch(staged_b[j], loads->x,
          ((image * args.H + place.h) * args.W + place.w) * args.C + loads->first,
          pixel < loads->end && is_inside(place, loads->down, loads->across, args.H, args.W),
          B_WIDTH);
  }
}

// Rows are the output channels, columns the weights (r,s,c) of one.
__kernel TILE_GROUP void conv2d_dw_local(__global const float* restrict x,
                                         __global const float* restrict dy,
                                         __global float* restrict dw, const Conv2dLocalParams args,
                                         __global const float* restrict residual,
                                         const EpilogueParams epilogue) {
  TILE_MEMORY;
  const int item = (int)get_local_id(0), tile = (int)get_group_id(0);
  const int M = args.gemm_m, N = args.gemm_n, tiles_n = (N + TILE_N - 1) / TILE_N;
  const int m = tile / tiles_n * TILE_M, n = tile % tiles_n * TILE_N;
  GradientLoads loads;
  loads.x = x;
  loads.dy = dy;
  loads.args = args;
  loads.begin = (int)get_global_id(2) * args.slice;
  loads.end = min(loads.begin + args.slice, args.gemm_k);
  dw += get_global_id(2) * M * N;
  const int weight = min(n + B_COLUMN(0), N - B_WIDTH);
  const int tap = divide(weight, args.by_C), r = divide(tap, args.by_S), s = tap - r * args.S;
  loads.channel = min(m + A_ROW(0), M - A_WIDTH);
  loads.down = args.h_base + r * args.h_step;
  loads.across = args.w_base + s * args.w_step;
  loads.first = (loads.down * args.W + loads.across) * args.C + weight - tap * args.C;
  float sums[ITEM_M][ITEM_N];
  start_sums(sums, dy, false, n, N, item);
  ADD_PRODUCTS((loads.end - loads.begin + TILE_K - 1) / TILE_K, load_gradient, &loads);
  UNROLL_ALL
  for (int i = 0; i < ITEM_M; ++i) {
    const int row = m + SUM_ROW(i);
    if (row < M) store_row(dw, (size_t)row * N, sums[i], n, N, item, residual, epilogue);
  }
}

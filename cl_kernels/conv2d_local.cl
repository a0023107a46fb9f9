// Convolution of one group and its gradients as matrix products by tiles in local memory: the loads
// gather from the tensors, so that no matrix of patches is ever written (gemm_tile.h).
//
// conv2d_local: the forward pass and the gradient of the input. Rows are pixels of the result,
// columns its channels; terms are taps (r,s) times channels of the tensor that the filter slides
// over, in runs of `run`. The host describes both passes by strides, as for conv2d_tile.
// conv2d_dw_local: rows are output channels, columns the weights (r,s,c) of one, terms the pixels
// of dy.
//
// A work-group makes one tile of the result, or the sum over one piece of its terms, which
// matmul_local_finish adds. Dimension 0: tiles, those of a row side by side. Dimension 2: pieces of
// `piece` terms, a multiple of TILE_K.
#include "gemm_tile.h"

// n / d for n >= 0: `by` is a multiplier and a shift that the host has made for d.
INLINE int divide(int n, uint2 by) { return by.x ? (int)(mul_hi((uint)n, by.x) >> by.y) : n; }

// A tap at row r and column s starts at these places of x [H,W,run]; outside of it x is zero.
typedef struct {
  int h, w, offset;
} Place;

INLINE bool is_inside(Place place, int down, int across, int H, int W) {
  return (uint)(place.h + down) < (uint)H && (uint)(place.w + across) < (uint)W;
}

__kernel TILE_GROUP void conv2d_local(__global const float* restrict x,
                                      __global const float* restrict w,
                                      __global const float* restrict bias,
                                      __global float* restrict y, int has_bias, int M, int N, int K,
                                      int P, uint2 by_P, int Q, uint2 by_Q, int run, uint2 by_run,
                                      int taps_s, uint2 by_taps_s, int H, int W, int base_h,
                                      int stride_h, int step_h, int base_w, int stride_w,
                                      int step_w, int w_base, int w_out, int w_r, int w_s, int w_j,
                                      int y_base, int y_n, int y_p, int y_q, int piece, EPILOGUE) {
  TILE_MEMORY;
  const int item = (int)get_local_id(0), tile = (int)get_group_id(0);
  const int tiles_n = (N + TILE_N - 1) / TILE_N;
  const int m = tile / tiles_n * TILE_M, n = tile % tiles_n * TILE_N;
  const int begin = (int)get_global_id(2) * piece, end = min(begin + piece, K);
  y += get_global_id(2) * M * N;
  // Loads beyond the last pixel or channel take the last ones again; nobody stores their sums.
  Place places[A_LOADS];
  int columns[B_LOADS];
  UNROLL_ALL
  for (int j = 0; j < A_LOADS; ++j) {
    const int pixel = min(m + A_ROW(j), M - 1);
    const int row = divide(pixel, by_Q), image = divide(row, by_P);
    places[j].h = base_h + (row - image * P) * stride_h;
    places[j].w = base_w + (pixel - row * Q) * stride_w;
    places[j].offset = ((image * H + places[j].h) * W + places[j].w) * run;
  }
  UNROLL_ALL
  for (int j = 0; j < B_LOADS; ++j)
    columns[j] = w_base + min(n + B_COLUMN(j), B_ALONG_K ? N - 1 : N - B_WIDTH) * w_out;
  float sums[ITEM_M][ITEM_N];
  start_sums(sums, bias, has_bias, n, N, item);
#define FETCH(step)                                                                        \
  {                                                                                        \
    const int k = begin + (step)*TILE_K + A_K(0); /* of all loads, which are along k */    \
    const int tap = divide(k, by_run), r = divide(tap, by_taps_s), s = tap - r * taps_s;   \
    const int down = r * step_h, across = s * step_w;                                      \
    const int offset = (down * W + across) * run + k - tap * run;                          \
    UNROLL_ALL                                                                             \
    for (int j = 0; j < A_LOADS; ++j)                                                      \
      fetch(staged_a[j], x, places[j].offset + offset,                                     \
            k < end && is_inside(places[j], down, across, H, W), A_WIDTH);                 \
  }                                                                                        \
  UNROLL_ALL                                                                               \
  for (int j = 0; j < B_LOADS; ++j) {                                                      \
    const int k = begin + (step)*TILE_K + B_K(j);                                          \
    const int tap = divide(k, by_run), r = divide(tap, by_taps_s), s = tap - r * taps_s;   \
    fetch(staged_b[j], w, columns[j] + r * w_r + s * w_s + (k - tap * run) * w_j, k < end, \
          B_WIDTH);                                                                        \
  }
  ADD_PRODUCTS((end - begin + TILE_K - 1) / TILE_K);
#undef FETCH
  UNROLL_ALL
  for (int i = 0; i < ITEM_M; ++i) {
    const int pixel = m + SUM_ROW(i);
    if (pixel < M) {
      const int row = divide(pixel, by_Q), image = divide(row, by_P);
      store_row(y, y_base + (size_t)image * y_n + (row - image * P) * y_p + (pixel - row * Q) * y_q,
                sums[i], n, N, item, EPILOGUE_ARGUMENTS);
    }
  }
}

// M output channels, N weights of each, K pixels of dy.
__kernel TILE_GROUP void conv2d_dw_local(__global const float* restrict x,
                                         __global const float* restrict dy,
                                         __global float* restrict dw, int M, int N, int K, int P,
                                         uint2 by_P, int Q, uint2 by_Q, int run, uint2 by_run,
                                         int taps_s, uint2 by_taps_s, int H, int W, int base_h,
                                         int stride_h, int step_h, int base_w, int stride_w,
                                         int step_w, int piece, EPILOGUE) {
  TILE_MEMORY;
  const int item = (int)get_local_id(0), tile = (int)get_group_id(0);
  const int tiles_n = (N + TILE_N - 1) / TILE_N;
  const int m = tile / tiles_n * TILE_M, n = tile % tiles_n * TILE_N;
  const int begin = (int)get_global_id(2) * piece, end = min(begin + piece, K);
  dw += get_global_id(2) * M * N;
  // All loads of a work-item are of the same channels of dy and of the same tap of x.
  const int channel = min(m + A_ROW(0), M - A_WIDTH), weight = min(n + B_COLUMN(0), N - B_WIDTH);
  const int tap = divide(weight, by_run), r = divide(tap, by_taps_s), s = tap - r * taps_s;
  const int down = base_h + r * step_h, across = base_w + s * step_w;
  const int first = (down * W + across) * run + weight - tap * run;
  float sums[ITEM_M][ITEM_N];
  start_sums(sums, dy, false, n, N, item);
#define FETCH(step)                                                                      \
  UNROLL_ALL                                                                             \
  for (int j = 0; j < A_LOADS; ++j) {                                                    \
    const int pixel = begin + (step)*TILE_K + A_K(j);                                    \
    fetch(staged_a[j], dy, pixel* M + channel, pixel < end, A_WIDTH);                    \
  }                                                                                      \
  UNROLL_ALL                                                                             \
  for (int j = 0; j < B_LOADS; ++j) {                                                    \
    const int pixel = begin + (step)*TILE_K + B_K(j);                                    \
    const int row = divide(pixel, by_Q), image = divide(row, by_P);                      \
    const Place place = {(row - image * P) * stride_h, (pixel - row * Q) * stride_w, 0}; \
    fetch(staged_b[j], x, ((image * H + place.h) * W + place.w) * run + first,           \
          pixel < end && is_inside(place, down, across, H, W), B_WIDTH);                 \
  }
  ADD_PRODUCTS((end - begin + TILE_K - 1) / TILE_K);
#undef FETCH
  UNROLL_ALL
  for (int i = 0; i < ITEM_M; ++i) {
    const int row = m + SUM_ROW(i);
    if (row < M) store_row(dw, (size_t)row * N, sums[i], n, N, item, EPILOGUE_ARGUMENTS);
  }
}

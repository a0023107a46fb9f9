// Convolution with 3x3 filters and stride 1, NHWC, and its gradients by Winograd's algorithm, for
// GPUs: the transforms before and after the products. matmul_local computes the products, one for
// each of the POSITIONS.
//
// A work-item transforms V channels of one tile or filter; neighbors have neighboring channels. V
// divides the numbers of channels. The matrices have rows of channels, whole vectors of 4 with
// zeros past the last, so that products read 16 bytes at a time.
#include "common.h"
#include "conv2d_winograd_params.h"
#include "winograd.h"

#ifndef SUB_GROUP
#define SUB_GROUP 0  // lanes of the sub-groups that the compiler must make, where it has a choice
#endif
#if SUB_GROUP
#define ITEM_GROUP __attribute__((intel_reqd_sub_group_size(SUB_GROUP))) GROUP
#else
#define ITEM_GROUP GROUP
#endif

// filters[position, k, c] of w [K,3,3,C]: `rows` and `row` of them, with zeros past K and C. Tap t
// of a filter is weight first_tap + t*next_tap.
__kernel ITEM_GROUP void winograd_local_filters(__global const float* restrict filter,
                                                __global float* restrict filters,
                                                const WinogradLocalFiltersParams args, int items,
                                                int chunk) {
  const int K = args.K, C = args.C;
  FOR_ITEMS(i) {
    const int c = i % (args.row / V) * V, k = i / (args.row / V);
    __global const float* from = filter + ((size_t)k * 9 + args.first_tap) * C + c;
    floatv taps[9];
    UNROLL(9)
    for (int t = 0; t < 9; ++t)
      taps[t] = k < K && c < C ? LOAD(from + t * args.next_tap * C) : (floatv)(0.0f);
    transform_taps(taps, filters + k * args.row + c, (size_t)args.rows * args.row);
  }
}

// The tile that a work-item transforms: image, and position of its first result.
typedef struct {
  int n, p, q;
} Tile;

static inline Tile tile_at(int t, int P, int Q, int first_image) {
  const int columns = (Q + RESULTS - 1) / RESULTS, rows = (P + RESULTS - 1) / RESULTS;
  const Tile tile = {first_image + t / columns / rows, t / columns % rows * RESULTS,
                     t % columns * RESULTS};
  return tile;
}

// transformed[position, tile, c] of x [N,H,W,C]: `row` of them, with zeros past C. The tiles of P x
// Q results start before_h and before_w before them.
__kernel ITEM_GROUP void winograd_local_source(__global const float* restrict x,
                                               __global float* restrict transformed,
                                               const WinogradLocalParams args, int items,
                                               int chunk) {
  const int H = args.H, W = args.W, C = args.C, P = args.P, Q = args.Q;
  FOR_ITEMS(i) {
    const int c = i % (args.row / V) * V, t = i / (args.row / V);
    const Tile tile = tile_at(t, P, Q, args.first_image);
    transform_tile(x + (size_t)tile.n * H * W * C + c, c < C ? tile.p - args.before_h : H,
                   tile.q - args.before_w, H, W, C, V, transformed + t * args.row + c,
                   args.tiles * args.row);
  }
}

// transformed[position, tile, k] of dy [N,P,Q,K], likewise.
__kernel ITEM_GROUP void winograd_local_gradients(__global const float* restrict dy,
                                                  __global float* restrict transformed,
                                                  const WinogradLocalParams args, int items,
                                                  int chunk) {
  const int P = args.P, Q = args.Q, K = args.K;
  FOR_ITEMS(i) {
    const int k = i % (args.row / V) * V, t = i / (args.row / V);
    const Tile tile = tile_at(t, P, Q, args.first_image);
    transform_gradient_tile(dy + (size_t)tile.n * P * Q * K + k, k < K ? tile.p : P, tile.q, P, Q,
                            K, V, transformed + t * args.row + k, args.tiles * args.row);
  }
}

// y [N,P,Q,K] from products[position, tile, k] with `row` k.
__kernel ITEM_GROUP void winograd_local_results(
    __global const float* restrict products, __global const float* restrict bias,
    __global float* restrict y, int has_bias, const WinogradLocalParams args,
    __global const float* restrict residual, const EpilogueParams epilogue, int items, int chunk) {
  const int P = args.P, Q = args.Q, K = args.K;
  FOR_ITEMS(i) {
    const int k = i % (K / V) * V, t = i / (K / V);
    const Tile tile = tile_at(t, P, Q, args.first_image);
    finish_tile(products + t * args.row + k, args.tiles * args.row,
                has_bias ? LOAD(bias + k) : (floatv)(0.0f), y, (size_t)tile.n * P * Q * K + k,
                tile.p, tile.q, P, Q, K, V, residual, epilogue);
  }
}

// dw [K,3,3,C] from parts[piece, position, k, c] with `rows` k and `row` c, whose pieces are added
// in order; added to dw where that has the sums of other images.
__kernel ITEM_GROUP void winograd_local_weights(__global const float* restrict parts,
                                                __global float* restrict dw,
                                                const WinogradLocalWeightsParams args, int items,
                                                int chunk) {
  const int C = args.C;
  const size_t position = (size_t)args.rows * args.row;
  FOR_ITEMS(i) {
    const int c = i % (C / V) * V, k = i / (C / V);
    floatv sums[POSITIONS];
    UNROLL(POSITIONS)
    for (int j = 0; j < POSITIONS; ++j) sums[j] = (floatv)(0.0f);
    for (int slice = 0; slice < args.slices; ++slice) {
      __global const float* from = parts + slice * POSITIONS * position + (size_t)k * args.row + c;
      UNROLL(POSITIONS)
      for (int j = 0; j < POSITIONS; ++j) sums[j] += LOAD(from + j * position);
    }
    finish_weights(sums, dw + (size_t)k * 9 * C + c, C, V, !args.is_first);
  }
}

// Convolution with 3x3 filters and stride 1, NHWC, and its gradients by Winograd's algorithm, for
// GPUs: the transforms on both sides of the products, which matmul_local makes, one matrix product
// for each of the POSITIONS.
//
// A work-item transforms V channels of one tile or filter; neighbours have neighbouring channels. V
// divides the numbers of channels. The matrices have rows of channels, whole vectors of 4 with
// zeros past the last, so that products read 16 bytes at a time.
#include "common.h"
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
__kernel ITEM_GROUP void winograd_local_filters(__global const float* restrict w,
                                                __global float* restrict filters, int K, int C,
                                                int rows, int row, int first_tap, int next_tap,
                                                int items, int chunk) {
  FOR_ITEMS(i) {
    const int c = i % (row / V) * V, k = i / (row / V);
    __global const float* from = w + ((size_t)k * 9 + first_tap) * C + c;
    floatv filter[9];
    UNROLL(9)
    for (int t = 0; t < 9; ++t)
      filter[t] = k < K && c < C ? LOAD(from + t * next_tap * C) : (floatv)(0.0f);
    transform_taps(filter, filters + k * row + c, (size_t)rows * row);
  }
}

// The tile that a work-item transforms: image, and place of its first result.
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
                                               __global float* restrict transformed, int H, int W,
                                               int C, int P, int Q, int before_h, int before_w,
                                               int first_image, int tiles, int row, int items,
                                               int chunk) {
  FOR_ITEMS(i) {
    const int c = i % (row / V) * V, t = i / (row / V);
    const Tile tile = tile_at(t, P, Q, first_image);
    transform_tile(x + (size_t)tile.n * H * W * C + c, c < C ? tile.p - before_h : H,
                   tile.q - before_w, H, W, C, V, transformed + t * row + c, tiles * row);
  }
}

// transformed[position, tile, k] of dy [N,P,Q,K], likewise.
__kernel ITEM_GROUP void winograd_local_gradients(__global const float* restrict dy,
                                                  __global float* restrict transformed, int P,
                                                  int Q, int K, int first_image, int tiles, int row,
                                                  int items, int chunk) {
  FOR_ITEMS(i) {
    const int k = i % (row / V) * V, t = i / (row / V);
    const Tile tile = tile_at(t, P, Q, first_image);
    transform_gradient_tile(dy + (size_t)tile.n * P * Q * K + k, k < K ? tile.p : P, tile.q, P, Q,
                            K, V, transformed + t * row + k, tiles * row);
  }
}

// y [N,P,Q,K] from products[position, tile, k] with `row` k.
__kernel ITEM_GROUP void winograd_local_results(__global const float* restrict products,
                                                __global const float* restrict b,
                                                __global float* restrict y, int has_bias, int P,
                                                int Q, int K, int first_image, int tiles, int row,
                                                __global const float* restrict residual,
                                                const EpilogueParams epilogue, int items,
                                                int chunk) {
  FOR_ITEMS(i) {
    const int k = i % (K / V) * V, t = i / (K / V);
    const Tile tile = tile_at(t, P, Q, first_image);
    finish_tile(products + t * row + k, tiles * row, has_bias ? LOAD(b + k) : (floatv)(0.0f), y,
                (size_t)tile.n * P * Q * K + k, tile.p, tile.q, P, Q, K, V, residual, epilogue);
  }
}

// dw [K,3,3,C] from parts[piece, position, k, c] with `rows` k and `row` c, whose pieces are added
// in order; added to dw where that has the sums of other images.
__kernel ITEM_GROUP void winograd_local_weights(__global const float* restrict parts,
                                                __global float* restrict dw, int C, int rows,
                                                int row, int pieces, int is_first, int items,
                                                int chunk) {
  const size_t position = (size_t)rows * row;
  FOR_ITEMS(i) {
    const int c = i % (C / V) * V, k = i / (C / V);
    floatv sums[POSITIONS];
    UNROLL(POSITIONS)
    for (int j = 0; j < POSITIONS; ++j) sums[j] = (floatv)(0.0f);
    for (int piece = 0; piece < pieces; ++piece) {
      __global const float* from = parts + piece * POSITIONS * position + (size_t)k * row + c;
      UNROLL(POSITIONS)
      for (int j = 0; j < POSITIONS; ++j) sums[j] += LOAD(from + j * position);
    }
    finish_weights(sums, dw + (size_t)k * 9 * C + c, C, V, !is_first);
  }
}

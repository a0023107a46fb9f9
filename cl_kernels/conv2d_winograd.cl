// Convolution with 3x3 filters and stride 1, NHWC, by Winograd's F(4x4,3x3) or F(2x2,3x3), for
// CPUs: the forward pass and the gradient of the input, which uses flipped filters.
//
// A tile is EDGE x EDGE pixels of the source, which overlap, and RESULTS x RESULTS of the result.
// Source tiles and filters are transformed, multiplied position by position (POSITIONS matrix
// products over the channels), and the products transformed back. A work-item processes a few tiles
// at a time, so that their transforms, in its own slice of `scratch`, stay in the cache for all its
// blocks of BLOCK result channels.
#include "common.h"
#include "conv2d_winograd_params.h"
#include "winograd.h"

#ifndef NV
#define NV 2  // vectors of result channels in a block
#endif
#define TILES 8  // tiles multiplied at a time, in registers

#define BLOCK (V * NV)
#define TILE_GROUP __attribute__((reqd_work_group_size(1, 1, 1)))

// packed[block, position, c, BLOCK]: the transformed filters. A work-item computes V result
// channels of one channel of the source.
__kernel GROUP void conv2d_winograd_pack(__global const float* restrict filter,
                                         __global float* restrict packed,
                                         const WinogradPackParams args, int items, int chunk) {
  const int K = args.K, C = args.C;
  FOR_ITEMS(i) {
    const int c = i % C, first = i / C * V, count = K - first;
    floatv taps[9];
    UNROLL(9)
    for (int tap = 0; tap < 9; ++tap) {
      __global const float* from = filter + args.filter_base + (size_t)first * args.filter_k +
                                   c * args.filter_c + tap / 3 * args.filter_r +
                                   tap % 3 * args.filter_s;
      float lanes[V];
      for (int lane = 0; lane < V; ++lane)
        lanes[lane] = lane < count ? from[lane * args.filter_k] : 0.0f;
      taps[tap] = LOAD(lanes);
    }
    __global float* to =
        packed + (size_t)(first / BLOCK) * POSITIONS * C * BLOCK + c * BLOCK + first % BLOCK;
    transform_taps(taps, to, (size_t)C * BLOCK);
  }
}

// products[tile, BLOCK] = sum over c of transformed[tile, c] * packed[c, BLOCK].
static inline void multiply_tiles(__global const float* restrict transformed, int row,
                                  __global const float* restrict packed, int C,
                                  __global float* restrict products) {
  __global const float* from[TILES];
  floatv sums[TILES][NV];
  UNROLL(TILES)
  for (int i = 0; i < TILES; ++i) {
    from[i] = transformed + i * row;
    UNROLL(NV)
    for (int v = 0; v < NV; ++v) sums[i][v] = (floatv)(0.0f);
  }
  for (int c = 0; c < C; ++c, packed += BLOCK) {
    floatv weights[NV];
    UNROLL(NV)
    for (int v = 0; v < NV; ++v) weights[v] = LOAD(packed + v * V);
    UNROLL(TILES)
    for (int i = 0; i < TILES; ++i) {
      const floatv value = (floatv)(from[i][c]);
      UNROLL(NV)
      for (int v = 0; v < NV; ++v) sums[i][v] = MULTIPLY_ADD(value, weights[v], sums[i][v]);
    }
  }
  UNROLL(TILES)
  for (int i = 0; i < TILES; ++i) UNROLL(NV)
  for (int v = 0; v < NV; ++v) STORE(sums[i][v], products + i * BLOCK + v * V);
}

// Dimensions: shares of the tiles, shares of the blocks of result channels. `group` tiles, a
// multiple of TILES, are transformed at a time; h and w of their first pixels are p - before, q -
// before.
__kernel TILE_GROUP void conv2d_winograd(
    __global const float* restrict x, __global const float* restrict packed,
    __global const float* restrict bias, __global float* restrict y,
    __global float* restrict scratch, const WinogradParams args,
    __global const float* restrict residual, const EpilogueParams epilogue) {
  const int H = args.H, W = args.W, C = args.C, P = args.P, Q = args.Q, K = args.K;
  const int share = (int)(get_global_id(1) * get_global_size(0) + get_global_id(0));
  const int row = (C + V - 1) / V * V;
  const int tile_columns = (Q + RESULTS - 1) / RESULTS, tile_rows = (P + RESULTS - 1) / RESULTS;
  const int position = args.group * row, product = args.group * BLOCK;
  __global float* transformed = scratch + (size_t)share * POSITIONS * (position + product);
  __global float* products = transformed + POSITIONS * position;
  const int first_block = (int)get_global_id(1) * args.block_share;
  const int last_block = min(first_block + args.block_share, args.blocks);
  const int begin = (int)get_global_id(0) * args.tile_share,
            end = min(begin + args.tile_share, args.tiles);
  for (int first = begin; first < end; first += args.group) {
    const int last = min(first + args.group, end);
    for (int t = first; t < last; ++t) {
      const int q = t % tile_columns * RESULTS, p = t / tile_columns % tile_rows * RESULTS;
      const size_t n = t / tile_columns / tile_rows;
      for (int c = 0; c < C; c += V)
        transform_tile(x + n * H * W * C + c, p - args.before_h, q - args.before_w, H, W, C, C - c,
                       transformed + (t - first) * row + c, position);
    }
    for (int block = first_block; block < last_block; ++block) {
      __global const float* weights = packed + (size_t)block * POSITIONS * C * BLOCK;
      for (int i = 0; i < POSITIONS; ++i, weights += C * BLOCK)
        for (int t = 0; t < last - first; t += TILES)
          multiply_tiles(transformed + i * position + t * row, row, weights, C,
                         products + i * product + t * BLOCK);
      for (int t = first; t < last; ++t) {
        const int q = t % tile_columns * RESULTS, p = t / tile_columns % tile_rows * RESULTS;
        const size_t n = t / tile_columns / tile_rows;
        UNROLL(NV)
        for (int v = 0; v < NV; ++v) {
          const int k = block * BLOCK + v * V, count = K - k;
          if (count > 0)
            finish_tile(products + (t - first) * BLOCK + v * V, product,
                        args.has_bias ? load_lanes(bias + k, count) : (floatv)(0.0f), y,
                        n * P * Q * K + k, p, q, P, Q, K, count, residual, epilogue);
        }
      }
    }
  }
}

// The gradient of 3x3 filters with stride 1, NHWC, by Winograd's F(3x3,4x4) or
// F(3x3,2x2), for CPUs.
//
// Tiles of EDGE x EDGE pixels of x and of RESULTS x RESULTS of dy are transformed and multiplied
// position by position (POSITIONS matrix products over the tiles); conv2d_winograd_dw_finish adds
// the pieces in order and transforms the sums back into 3x3 weights. A work-item computes the sums
// of some blocks of BLOCK channels of x for one piece of the tiles, a few at a time, so that their
// transforms, in its own slice of `scratch`, stay in the cache; `part` keeps the sums.
#include "common.h"
#include "conv2d_winograd_params.h"
#include "winograd.h"

#ifndef NV
#define NV 2  // vectors of channels of x in a block
#endif
#define ROWS 8  // channels of dy multiplied at a time, in registers

#define BLOCK (V * NV)
#define TILE_GROUP __attribute__((reqd_work_group_size(1, 1, 1)))

// Adds `tiles` products of dy and x to ROWS x BLOCK sums.
static inline void multiply_tiles(__global const float* restrict dy, int row,
                                  __global const float* restrict x, int tiles, bool is_first,
                                  __global float* restrict part) {
  floatv sums[ROWS][NV];
  UNROLL(ROWS)
  for (int i = 0; i < ROWS; ++i) UNROLL(NV)
  for (int v = 0; v < NV; ++v)
    sums[i][v] = is_first ? (floatv)(0.0f) : LOAD(part + i * BLOCK + v * V);
  for (int t = 0; t < tiles; ++t, dy += row, x += BLOCK) {
    floatv pixels[NV];
    UNROLL(NV)
    for (int v = 0; v < NV; ++v) pixels[v] = LOAD(x + v * V);
    UNROLL(ROWS)
    for (int i = 0; i < ROWS; ++i) {
      const floatv gradient = (floatv)(dy[i]);
      UNROLL(NV)
      for (int v = 0; v < NV; ++v) sums[i][v] = MULTIPLY_ADD(gradient, pixels[v], sums[i][v]);
    }
  }
  UNROLL(ROWS)
  for (int i = 0; i < ROWS; ++i) UNROLL(NV)
  for (int v = 0; v < NV; ++v) STORE(sums[i][v], part + i * BLOCK + v * V);
}

// part[piece, block, position, k, BLOCK], `row` output channels k, a multiple of ROWS and V.
// Dimensions: pieces of the tiles, shares of the blocks of channels of x. `group` tiles are
// transformed at a time; the first pixels of those of x are p - before, q - before.
__kernel TILE_GROUP void conv2d_winograd_dw(__global const float* restrict x,
                                            __global const float* restrict dy,
                                            __global float* restrict part,
                                            __global float* restrict scratch,
                                            const WinogradDwParams args) {
  const int H = args.H, W = args.W, C = args.C, P = args.P, Q = args.Q, K = args.K;
  const int piece = (int)get_global_id(0);
  const int tile_columns = (Q + RESULTS - 1) / RESULTS, tile_rows = (P + RESULTS - 1) / RESULTS;
  const int item = (int)(get_global_id(1) * get_global_size(0)) + piece;
  const int gradient = args.group * args.row, position = args.group * BLOCK;
  __global float* gradients = scratch + (size_t)item * POSITIONS * (gradient + position);
  __global float* transformed = gradients + POSITIONS * gradient;
  const int first_block = (int)get_global_id(1) * args.block_share;
  const int last_block = min(first_block + args.block_share, args.blocks);
  const int begin = piece * args.piece_tiles, end = min(begin + args.piece_tiles, args.tiles);
  for (int first = begin; first < end; first += args.group) {
    const int last = min(first + args.group, end);
    for (int t = first; t < last; ++t) {
      const int q = t % tile_columns * RESULTS, p = t / tile_columns % tile_rows * RESULTS;
      const size_t n = t / tile_columns / tile_rows;
      for (int k = 0; k < K; k += V)
        transform_gradient_tile(dy + n * P * Q * K + k, p, q, P, Q, K, K - k,
                                gradients + (t - first) * args.row + k, gradient);
    }
    for (int block = first_block; block < last_block; ++block) {
      for (int t = first; t < last; ++t) {
        const int q = t % tile_columns * RESULTS, p = t / tile_columns % tile_rows * RESULTS;
        const size_t n = t / tile_columns / tile_rows;
        for (int c = block * BLOCK; c < min((block + 1) * BLOCK, C); c += V)
          transform_tile(x + n * H * W * C + c, p - args.before_h, q - args.before_w, H, W, C,
                         C - c, transformed + (t - first) * BLOCK + c - block * BLOCK, position);
      }
      __global float* sums =
          part + ((size_t)piece * args.blocks + block) * POSITIONS * args.row * BLOCK;
      for (int i = 0; i < POSITIONS; ++i)
        for (int k = 0; k < args.row; k += ROWS, sums += ROWS * BLOCK)
          multiply_tiles(gradients + i * gradient + k, args.row, transformed + i * position,
                         last - first, first == begin, sums);
    }
  }
}

// dw[k, r, s, c]: a work-item computes V channels of x of one output channel.
__kernel GROUP void conv2d_winograd_dw_finish(__global const float* restrict part,
                                              __global float* restrict dw,
                                              const WinogradDwFinishParams args, int items,
                                              int chunk) {
  const int C = args.C;
  const int vectors = (C + V - 1) / V;
  const size_t piece_size = (size_t)args.blocks * POSITIONS * args.row * BLOCK;
  FOR_ITEMS(item) {
    const int k = item / vectors, c = item % vectors * V;
    __global const float* from =
        part + ((size_t)(c / BLOCK) * POSITIONS * args.row + k) * BLOCK + c % BLOCK;
    floatv sums[POSITIONS];
    UNROLL(POSITIONS)
    for (int i = 0; i < POSITIONS; ++i) {
      sums[i] = LOAD(from + (size_t)i * args.row * BLOCK);
      for (int piece = 1; piece < args.pieces; ++piece)
        sums[i] += LOAD(from + piece * piece_size + (size_t)i * args.row * BLOCK);
    }
    finish_weights(sums, dw + (size_t)k * 9 * C + c, C, C - c, 0);
  }
}

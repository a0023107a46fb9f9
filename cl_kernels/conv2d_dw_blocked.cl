// The gradient of a convolution's weights for CPUs, NHWC, dw [K,R,S,C/groups].
//
// A tile is ROWS weights of a tap x NV vectors of output channels, kept in registers while the
// pixels pass. A work-item makes `share` tiles for one piece of the batch's rows: it takes the rows
// block by block, few enough that what all its tiles read of x and dy stays in the cache, and keeps
// the tiles' sums in `part` between blocks. conv2d_dw_finish adds the pieces in order. x has zeros
// around it and room to read ROWS values past any weight; dy is as it came, or packed so that no
// vector of output channels is cut off.
#include "common.h"

#ifndef NV
#define NV 1  // vectors of output channels in a tile
#endif
#ifndef ROWS
#define ROWS 8  // weights per output channel in a tile
#endif

#define AHEAD 8  // pixels to ask for before they are needed

#define BLOCK (V * NV)
#define TILE_GROUP __attribute__((reqd_work_group_size(1, 1, 1)))

// packed[block, pixel] = BLOCK output channels, zeros past the last of a group. An item is a pixel
// of a block.
__kernel GROUP void conv2d_dw_pack(__global const float* restrict dy,
                                   __global float* restrict packed, int pixels, int K, int outs,
                                   int blocks, int items, int chunk) {
  FOR_ITEMS(i) {
    const int block = i / pixels, channel = block % blocks * BLOCK;
    __global const float* from = dy + (size_t)(i % pixels) * K + block / blocks * outs + channel;
    UNROLL(NV)
    for (int v = 0; v < NV; ++v)
      STORE(load_lanes(from + v * V, outs - channel - v * V), packed + (size_t)i * BLOCK + v * V);
  }
}

// Adds the pixels of rows [row, end) to a tile.
static inline void add_rows(__global const float* restrict x, __global const float* restrict dy,
                            __global float* restrict tile, bool is_first, int row, int end, int P,
                            int Q, int x_n, int x_p, int x_q, int dy_pixel) {
  floatv sums[ROWS][NV];
  UNROLL(ROWS)
  for (int i = 0; i < ROWS; ++i) UNROLL(NV)
  for (int v = 0; v < NV; ++v)
    sums[i][v] = is_first ? (floatv)(0.0f) : LOAD(tile + i * BLOCK + v * V);
  dy += (size_t)row * Q * dy_pixel;
  int p = row % P;
  __global const float* image = x + (size_t)(row / P) * x_n;
  for (; row < end; ++row) {
    __global const float* from = image + p * x_p;
    for (int q = 0; q < Q; ++q, from += x_q, dy += dy_pixel) {
      PREFETCH(from + AHEAD * x_q);
      PREFETCH(dy + AHEAD * dy_pixel);
      floatv gradients[NV];
      UNROLL(NV)
      for (int v = 0; v < NV; ++v) gradients[v] = LOAD(dy + v * V);
      UNROLL(ROWS)
      for (int i = 0; i < ROWS; ++i) {
        const floatv value = (floatv)(from[i]);
        UNROLL(NV)
        for (int v = 0; v < NV; ++v) sums[i][v] = MULTIPLY_ADD(value, gradients[v], sums[i][v]);
      }
    }
    if (++p == P) {
      p = 0;
      image += x_n;
    }
  }
  UNROLL(ROWS)
  for (int i = 0; i < ROWS; ++i) UNROLL(NV)
  for (int v = 0; v < NV; ++v) STORE(sums[i][v], tile + i * BLOCK + v * V);
}

// part[piece, tile] = ROWS x BLOCK sums over the pixels of a piece of x[.. + j] * dy[.., k].
// Dimensions: shares of the tiles, pieces. Tiles count along a run of weights, then along S, R and
// the blocks of output channels.
__kernel TILE_GROUP void conv2d_dw_blocked(__global const float* restrict x,
                                           __global const float* restrict dy,
                                           __global float* restrict part, int rows, int P, int Q,
                                           int all_tiles, int share, int piece_rows, int block_rows,
                                           int taps_r, int taps_s, int run, int blocks, int x_base,
                                           int x_n, int x_p, int x_q, int x_r, int x_s, int x_group,
                                           int dy_pixel, int dy_block) {
  const int first = (int)get_global_id(0) * share, last = min(first + share, all_tiles);
  const int piece = (int)get_global_id(1), begin = piece * piece_rows;
  const int end = min(begin + piece_rows, rows), tiles = (run + ROWS - 1) / ROWS;
  for (int row = begin; row < end; row += block_rows)
    for (int tile = first; tile < last; ++tile) {
      const int j = tile % tiles * ROWS, s = tile / tiles % taps_s;
      const int r = tile / tiles / taps_s % taps_r, block = tile / tiles / taps_s / taps_r;
      add_rows(x + x_base + r * x_r + s * x_s + block / blocks * x_group + j,
               dy + (size_t)block * dy_block,
               part + ((size_t)piece * all_tiles + tile) * ROWS * BLOCK, row == begin, row,
               min(row + block_rows, end), P, Q, x_n, x_p, x_q, dy_pixel);
    }
}

// dw[k, tap] = sum over pieces of part[piece, tap's tile, tap's row, k]. An item is V output
// channels of one tap.
__kernel GROUP void conv2d_dw_finish(__global const float* restrict part,
                                     __global float* restrict dw, int taps, int run, int outs,
                                     int blocks, int all_tiles, int pieces, int items, int chunk) {
  const int tiles = (run + ROWS - 1) / ROWS, block_tiles = taps / run * tiles;
  const size_t piece_size = (size_t)all_tiles * ROWS * BLOCK;
  FOR_ITEMS(i) {
    const int tap = i % taps, block = i / taps / NV, v = i / taps % NV;
    const int channel = block % blocks * BLOCK + v * V;
    const int tile = block * block_tiles + tap / run * tiles + tap % run / ROWS;
    __global const float* from = part + ((size_t)tile * ROWS + tap % run % ROWS) * BLOCK + v * V;
    floatv sum = (floatv)(0.0f);
    for (int piece = 0; piece < pieces; ++piece) sum += LOAD(from + piece * piece_size);
    float lanes[V];
    STORE(sum, lanes);
    __global float* to = dw + (size_t)(block / blocks * outs + channel) * taps + tap;
    for (int k = 0; k < min(V, outs - channel); ++k) to[(size_t)k * taps] = lanes[k];
  }
}

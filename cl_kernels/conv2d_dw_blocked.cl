// The gradient of a convolution's weights for CPUs, NHWC, dw [K,R,S,C/groups].
//
// A tile is ROWS weights of a tap x NV vectors of output channels, kept in registers while the
// pixels pass. A work-item computes `share` tiles for one piece of the batch's rows: it processes
// the rows in blocks that are small enough for the x and dy of all its tiles to stay in the cache,
// and keeps the sums of the tiles in `part` between blocks. conv2d_dw_finish adds the pieces in
// order. x is padded with zeros and may be read ROWS values past any weight; dy is unpacked, or
// packed so that all vectors of output channels are complete.
#include "common.h"
#include "conv2d_params.h"

#ifndef NV
#define NV 1  // vectors of output channels in a tile
#endif
#ifndef ROWS
#define ROWS 8  // weights per output channel in a tile
#endif

#define AHEAD 8  // pixels to ask for before they are needed

#define BLOCK (V * NV)
#define TILE_GROUP __attribute__((reqd_work_group_size(1, 1, 1)))

// packed[block, pixel] = BLOCK output channels, zeros past the last of a group. A work-item
// computes a pixel of a block.
__kernel GROUP void conv2d_dw_pack(__global const float* restrict dy,
                                   __global float* restrict packed, const Conv2dDwPackParams args,
                                   int items, int chunk) {
  const int K = args.K;
  FOR_ITEMS(i) {
    const int block = i / args.pixels, channel = block % args.blocks * BLOCK;
    __global const float* from =
        dy + (size_t)(i % args.pixels) * K + block / args.blocks * args.outs + channel;
    UNROLL(NV)
    for (int v = 0; v < NV; ++v)
      STORE(load_lanes(from + v * V, args.outs - channel - v * V),
            packed + (size_t)i * BLOCK + v * V);
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
// Dimensions: groups of tiles, pieces. Tiles count along a run of weights, then along S, R and the
// blocks of output channels.
__kernel TILE_GROUP void conv2d_dw_blocked(__global const float* restrict x,
                                           __global const float* restrict dy,
                                           __global float* restrict part,
                                           const Conv2dDwBlockedParams args) {
  const int P = args.P, Q = args.Q, R = args.R, S = args.S;
  const int first = (int)get_global_id(0) * args.share,
            last = min(first + args.share, args.all_tiles);
  const int piece = (int)get_global_id(1), begin = piece * args.piece_rows;
  const int end = min(begin + args.piece_rows, args.rows), tiles = (args.run + ROWS - 1) / ROWS;
  for (int row = begin; row < end; row += args.block_rows)
    for (int tile = first; tile < last; ++tile) {
      const int j = tile % tiles * ROWS, s = tile / tiles % S;
      const int r = tile / tiles / S % R, block = tile / tiles / S / R;
      add_rows(
          x + args.x.base + r * args.x.r + s * args.x.s + block / args.blocks * args.x.group + j,
          dy + (size_t)block * args.dy_block,
          part + ((size_t)piece * args.all_tiles + tile) * ROWS * BLOCK, row == begin, row,
          min(row + args.block_rows, end), P, Q, args.x.n, args.x.p, args.x.q, args.dy_pixel);
    }
}

// dw[k, tap] = sum over pieces of part[piece, tap's tile, tap's row, k]. A work-item computes V
// output channels of one tap.
__kernel GROUP void conv2d_dw_finish(__global const float* restrict part,
                                     __global float* restrict dw, const Conv2dDwFinishParams args,
                                     int items, int chunk) {
  const int tiles = (args.run + ROWS - 1) / ROWS, block_tiles = args.taps / args.run * tiles;
  const size_t piece_size = (size_t)args.all_tiles * ROWS * BLOCK;
  FOR_ITEMS(i) {
    const int tap = i % args.taps, block = i / args.taps / NV, v = i / args.taps % NV;
    const int channel = block % args.blocks * BLOCK + v * V;
    const int tile = block * block_tiles + tap / args.run * tiles + tap % args.run / ROWS;
    __global const float* from =
        part + ((size_t)tile * ROWS + tap % args.run % ROWS) * BLOCK + v * V;
    floatv sum = (floatv)(0.0f);
    for (int piece = 0; piece < args.pieces; ++piece) sum += LOAD(from + piece * piece_size);
    float lanes[V];
    STORE(sum, lanes);
    __global float* to = dw + (size_t)(block / args.blocks * args.outs + channel) * args.taps + tap;
    for (int k = 0; k < min(V, args.outs - channel); ++k) to[(size_t)k * args.taps] = lanes[k];
  }
}

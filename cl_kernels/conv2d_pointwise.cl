// Convolution by 1x1 filters on CPUs, NHWC, stride 1, and the gradient of its input: the product of
// x [pixels, C] and the weights [C, K], which conv2d_pack has packed in blocks of NV vectors.
//
// A work-item computes a group of tiles of PIXELS pixels, few enough for their x and y to stay in
// the cache during the loop over the blocks of weights. A tile's sums stay in registers.
#include "common.h"
#include "conv2d_params.h"

#ifndef NV
#define NV 2  // vectors of a block
#endif
#ifndef PIXELS
#define PIXELS 8  // pixels of a tile
#endif

#define BLOCK (V * NV)

// The first `rows` pixels of a tile, from y[at] on; `outs` channels are left for this block.
static inline void multiply_tile(__global const float* restrict x,
                                 __global const float* restrict filter,
                                 __global const float* restrict bias, __global float* restrict y,
                                 size_t at, int rows, int C, int outs, int y_pixel,
                                 int non_temporal, __global const float* restrict residual,
                                 const EpilogueParams epilogue) {
  int offsets[PIXELS];
  floatv sums[PIXELS][NV];
  UNROLL(PIXELS)
  for (int i = 0; i < PIXELS; ++i) {  // pixels past the last one are the last one again
    offsets[i] = min(i, rows - 1) * C;
    UNROLL(NV)
    for (int v = 0; v < NV; ++v) sums[i][v] = LOAD(bias + v * V);
  }
  __global const float* next = x + PIXELS * C;  // the next tile's pixels
  for (int c = 0; c < C; ++c, ++x, filter += BLOCK, next += PIXELS) {
    PREFETCH(next);
    floatv weights[NV];
    UNROLL(NV)
    for (int v = 0; v < NV; ++v) weights[v] = LOAD(filter + v * V);
    UNROLL(PIXELS)
    for (int i = 0; i < PIXELS; ++i) {
      const floatv value = (floatv)(x[offsets[i]]);
      UNROLL(NV)
      for (int v = 0; v < NV; ++v) sums[i][v] = MULTIPLY_ADD(value, weights[v], sums[i][v]);
    }
  }
  if (has_epilogue(epilogue)) UNROLL(PIXELS)
  for (int i = 0; i < PIXELS; ++i) UNROLL(NV)
  for (int v = 0; v < NV; ++v)
    sums[i][v] = finished(sums[i][v], at + min(i, rows - 1) * y_pixel + v * V, outs - v * V,
                          residual, epilogue);
  if (rows == PIXELS && outs >= BLOCK && !non_temporal) {
    UNROLL(PIXELS)
    for (int i = 0; i < PIXELS; ++i) UNROLL(NV)
    for (int v = 0; v < NV; ++v) STORE(sums[i][v], y + at + i * y_pixel + v * V);
    return;
  }
  UNROLL(PIXELS)
  for (int i = 0; i < PIXELS; ++i)
    if (i < rows) UNROLL(NV)
  for (int v = 0; v < NV; ++v)
    store_output(sums[i][v], y + at + i * y_pixel + v * V, outs - v * V, non_temporal);
}

// packed: blocks of [C, BLOCK] weights, and the biases after them.
__kernel GROUP void conv2d_pointwise(__global const float* restrict x,
                                     __global const float* restrict packed,
                                     __global float* restrict y, const Conv2dPointwiseParams args,
                                     __global const float* restrict residual,
                                     const EpilogueParams epilogue, int items, int chunk) {
  const int C = args.C, K = args.K;
  const int blocks = (K + BLOCK - 1) / BLOCK;
  __global const float* biases = packed + (size_t)blocks * C * BLOCK;
  FOR_ITEMS(i) {
    const int begin = i * args.group, end = min(begin + args.group, args.pixels);
    for (int block = 0; block < blocks; ++block)
      for (int pixel = begin; pixel < end; pixel += PIXELS)
        multiply_tile(x + (size_t)pixel * C, packed + (size_t)block * C * BLOCK,
                      biases + block * BLOCK, y, (size_t)pixel * K + block * BLOCK,
                      min(PIXELS, end - pixel), C, K - block * BLOCK, K, args.non_temporal,
                      residual, epilogue);
  }
}

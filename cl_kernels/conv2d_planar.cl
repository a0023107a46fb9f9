// Convolution with few result channels, NHWC, stride 1, on CPUs: vectors are along a row of result
// pixels, since vectors of channels would be mostly empty. It computes both the forward pass and
// the gradient of the input, which reads flipped filters.
//
// A work-item computes `share` rows of one image. In its slice of `scratch` it first packs the
// source rows that it reads as planes [row, channel, plane_row], padded with zeros. A tile of ROWS
// rows, COLUMNS vectors of pixels and all OUTS result channels is summed in registers and converted
// to channels last after the planes. Weights are read unpacked.
#include "conv2d_planar_params.h"
#include "planes.h"

#ifndef OUTS
#define OUTS 6  // result channels
#endif
#ifndef ROWS
#define ROWS 2  // rows of a tile
#endif
#ifndef COLUMNS
#define COLUMNS 2  // vectors of pixels in a row of a tile
#endif
#define PIXELS (ROWS * COLUMNS)  // vectors of pixels in a tile
#define ROW_FLOATS (COLUMNS * V * OUTS)

// y[p, q, OUTS] of one image for the rows [p, P) and columns [q, Q) that a tile covers. `planes`
// points to the input of the tile's first pixel and weight.
static inline void make_tile(__global const float* restrict planes,
                             __global const float* restrict filter, int first_r, int last_r,
                             const floatv* biases, __global float* restrict turned,
                             __global float* restrict y, size_t at, int rows, int pixels,
                             const Conv2dPlanarParams args, __global const float* restrict residual,
                             const EpilogueParams epilogue) {
  const int C = args.C, Q = args.Q, plane_row = args.plane_row, source_row = C * plane_row;
  floatv sums[OUTS][PIXELS];
  UNROLL(OUTS)
  for (int k = 0; k < OUTS; ++k) UNROLL(PIXELS)
  for (int i = 0; i < PIXELS; ++i) sums[k][i] = biases[k];
  for (int r = first_r; r < last_r; ++r)
    for (int s = 0; s < args.S; ++s) {
      __global const float* from = planes + r * source_row + s;
      __global const float* weight = filter + r * args.filter_r + s * args.filter_s;
      for (int c = 0; c < C; ++c, from += plane_row, weight += args.filter_c) {
        floatv x[PIXELS];
        UNROLL(PIXELS)
        for (int i = 0; i < PIXELS; ++i)
          x[i] = LOAD(from + i / COLUMNS * source_row + i % COLUMNS * V);
        UNROLL(OUTS)
        for (int k = 0; k < OUTS; ++k) {
          const floatv factor = (floatv)(weight[k * args.filter_k]);
          UNROLL(PIXELS)
          for (int i = 0; i < PIXELS; ++i) sums[k][i] = MULTIPLY_ADD(factor, x[i], sums[k][i]);
        }
      }
    }
  float sum_planes[OUTS * PIXELS * V];  // private, for the compiler to see that nothing overlaps
  UNROLL(OUTS)
  for (int k = 0; k < OUTS; ++k) UNROLL(PIXELS)
  for (int i = 0; i < PIXELS; ++i) STORE(sums[k][i], sum_planes + (k * PIXELS + i) * V);
  for (int pixel = 0; pixel < PIXELS * V; ++pixel) UNROLL(OUTS)
  for (int k = 0; k < OUTS; ++k) turned[pixel * OUTS + k] = sum_planes[k * PIXELS * V + pixel];
  for (int row = 0; row < rows; ++row, at += (size_t)Q * OUTS)
    for (int i = 0; i < pixels * OUTS; i += V) {
      const int count = pixels * OUTS - i;
      const floatv sum = LOAD(turned + row * ROW_FLOATS + i);
      store_lanes(finished(sum, at + i, count, residual, epilogue), y + at + i, count);
    }
}

// x [N,H,W,C], y [N,P,Q,OUTS]. Dimension 0: images times shares of their rows.
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void conv2d_planar(
    __global const float* restrict x, __global const float* restrict filter,
    __global const float* restrict bias, __global float* restrict y,
    __global float* restrict scratch, const Conv2dPlanarParams args,
    __global const float* restrict residual, const EpilogueParams epilogue) {
  const int H = args.H, W = args.W, C = args.C, P = args.P, Q = args.Q, R = args.R, S = args.S;
  const int item = (int)get_global_id(0), n = item / args.shares;
  const int begin = item % args.shares * args.share, end = min(begin + args.share, P);
  const int source_row = C * args.plane_row, source_rows = args.share + R - 1;
  __global float* planes = scratch + (size_t)item * args.scratch_size;
  __global float* turned = planes + source_rows * source_row;
  __global const float* image = x + (size_t)n * H * W * C;
  for (int row = 0; row < source_rows; ++row)
    copy_planes(image, begin + row - args.before_h, H, W, C, args.before_w, args.plane_row,
                planes + row * source_row);
  floatv biases[OUTS];
  for (int k = 0; k < OUTS; ++k) biases[k] = (floatv)(args.has_bias ? bias[k] : 0.0f);
  for (int p = begin; p < end; p += ROWS) {
    // Skips taps that read zeros only.
    const int first_r = max(0, args.before_h - p - ROWS + 1),
              last_r = min(R, H + args.before_h - p);
    for (int q = 0; q < Q; q += COLUMNS * V)
      make_tile(planes + (p - begin) * source_row + q, filter + args.filter_base, first_r, last_r,
                biases, turned, y, (((size_t)n * P + p) * Q + q) * OUTS, min(ROWS, end - p),
                min(COLUMNS * V, Q - q), args, residual, epilogue);
  }
}

// The gradient of few filters (OUTS), NHWC, stride 1, on CPUs: dw[k, r, s, c] is the sum over
// pixels (p, q) of dy[p, q, k] * x[p + r, q + s, c]. Vectors are along a row of pixels of dy, since
// vectors of filters would be mostly empty.
//
// A work-item processes a piece of the rows of dy of all images. Its slice of `scratch` holds a
// vector of sums for each weight, then, image by image, the rows of dy and of x that it reads as
// planes [row, channel, plane row] padded with zeros. TAPS weights of all filters are summed in
// registers over the rows of an image, lane by lane. The second kernel adds up pieces and lanes.
#include "conv2d_planar_params.h"
#include "planes.h"

#ifndef OUTS
#define OUTS 6  // filters
#endif
#ifndef TAPS
#define TAPS 4  // weights of a filter that are summed at once
#endif

// Adds the products of `rows` rows of planes to sums[TAPS, OUTS]. Tap t reads x from offsets[t] on.
static inline void add_rows(__global const float* restrict x, __global const float* restrict dy,
                            const int* offsets, int rows, int x_row, int dy_row, int Q,
                            __global float* restrict sums) {
  floatv total[TAPS][OUTS];
  UNROLL(TAPS)
  for (int t = 0; t < TAPS; ++t) UNROLL(OUTS)
  for (int k = 0; k < OUTS; ++k) total[t][k] = LOAD(sums + (t * OUTS + k) * V);
  for (int p = 0; p < rows; ++p, x += x_row, dy += OUTS * dy_row)
    for (int q = 0; q < Q; q += V) {
      floatv gradient[OUTS];
      UNROLL(OUTS)
      for (int k = 0; k < OUTS; ++k) gradient[k] = LOAD(dy + k * dy_row + q);
      UNROLL(TAPS)
      for (int t = 0; t < TAPS; ++t) {
        const floatv value = LOAD(x + offsets[t] + q);
        UNROLL(OUTS)
        for (int k = 0; k < OUTS; ++k) total[t][k] = MULTIPLY_ADD(gradient[k], value, total[t][k]);
      }
    }
  UNROLL(TAPS)
  for (int t = 0; t < TAPS; ++t) UNROLL(OUTS)
  for (int k = 0; k < OUTS; ++k) STORE(total[t][k], sums + (t * OUTS + k) * V);
}

// x [N,H,W,C], dy [N,P,Q,OUTS]; the sums of weight k of tap (r*S + s)*C + c begin at
// (tap*OUTS + k)*V. A piece is `share` of the N*P rows of dy. `x_row` and `dy_row` are the floats
// of a row of a plane.
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void conv2d_dw_planar(
    __global const float* restrict x, __global const float* restrict dy,
    __global float* restrict scratch, const Conv2dDwPlanarParams args) {
  const int N = args.N, H = args.H, W = args.W, C = args.C, P = args.P, Q = args.Q, R = args.R,
            S = args.S;
  const int item = (int)get_global_id(0), taps = R * S * C;
  const int tiles = (taps + TAPS - 1) / TAPS, planes_row = C * args.x_row;
  __global float* sums = scratch + (size_t)item * args.scratch_size;
  __global float* gradients = sums + tiles * TAPS * OUTS * V;
  __global float* planes = gradients + min(args.share, P) * OUTS * args.dy_row;
  for (int i = 0; i < tiles * TAPS * OUTS * V; i += V) STORE((floatv)(0.0f), sums + i);
  const int last = min((item + 1) * args.share, N * P);
  for (int row = item * args.share; row < last;) {
    const int n = row / P, p = row % P, rows = min(P - p, last - row);
    for (int i = 0; i < rows; ++i)
      copy_planes(dy + (size_t)n * P * Q * OUTS, p + i, P, Q, OUTS, 0, args.dy_row,
                  gradients + i * OUTS * args.dy_row);
    for (int i = 0; i < rows + R - 1; ++i)
      copy_planes(x + (size_t)n * H * W * C, p + i - args.before_h, H, W, C, args.before_w,
                  args.x_row, planes + i * planes_row);
    for (int tile = 0; tile < tiles; ++tile) {
      int offsets[TAPS];
      for (int t = 0; t < TAPS; ++t) {
        const int tap = min(tile * TAPS + t, taps - 1), c = tap % C, s = tap / C % S;
        offsets[t] = tap / C / S * planes_row + c * args.x_row + s;
      }
      add_rows(planes, gradients, offsets, rows, planes_row, args.dy_row, Q,
               sums + tile * TAPS * OUTS * V);
    }
    row += rows;
  }
}

// dw[k, tap] is the sum over pieces and lanes. A work-item computes one weight.
__kernel GROUP void conv2d_dw_planar_finish(__global const float* restrict scratch,
                                            __global float* restrict dw,
                                            const Conv2dDwPlanarFinishParams args, int items,
                                            int chunk) {
  FOR_ITEMS(i) {
    __global const float* from = scratch + (i % args.taps * OUTS + i / args.taps) * V;
    floatv sum = LOAD(from);
    for (int piece = 1; piece < args.pieces; ++piece)
      sum += LOAD(from + (size_t)piece * args.scratch_size);
    dw[i] = lane_sum(sum);
  }
}

// Depthwise convolution on CPUs, NHWC with one filter per channel, strides and dilations of 1, C a
// multiple of V: a filter slides along a row, and each vector is loaded once for all S taps of a
// row of it. The weights of a filter, [R*S, C] and the bias after them, and all sums stay in
// registers. Pixels are C floats apart, a stride that hardware does not prefetch: each step
// prefetches the line that the next work-item, V channels further, needs at the same position.
#include "common.h"
#include "conv2d_depthwise_slide_params.h"

#ifndef R
#define R 3  // rows of a filter
#endif
#ifndef S
#define S 3  // columns
#endif

// A work-item computes a row of y times V channels; y[p, q] reads x[p + r - before_h, q + s -
// before_w]. Weight i is at packed[(tap_base + i*tap_step)*C]: reversed for the gradient of the
// input.
__kernel GROUP void conv2d_depthwise_slide(__global const float* restrict x,
                                           __global const float* restrict packed,
                                           __global float* restrict y,
                                           const Conv2dDepthwiseSlideParams args,
                                           __global const float* restrict residual,
                                           const EpilogueParams epilogue, int items, int chunk) {
  const int H = args.H, W = args.W, C = args.C, P = args.P, Q = args.Q;
  const int vectors = C / V;
  FOR_ITEMS(i) {
    const int channel = i % vectors * V, p = i / vectors % P, n = i / vectors / P;
    __global const float* weights = packed + channel;
    floatv filter[R * S], sums[S];  // sums[s] belongs to the pixel of which tap s is at the column
    const floatv bias = LOAD(weights + R * S * C);
    UNROLL(R * S)
    for (int tap = 0; tap < R * S; ++tap)
      filter[tap] = LOAD(weights + (args.tap_base + tap * args.tap_step) * C);
    UNROLL(S)
    for (int s = 0; s < S; ++s) sums[s] = bias;
    __global const float* from = x + ((size_t)n * H + p - args.before_h) * W * C + channel;
    const size_t to = ((size_t)n * P + p) * Q * C + channel;
    for (int w = -args.before_w; w < Q + S - 1 - args.before_w; ++w) {
      PREFETCH(from + ((R - 1) * W + w) * C + V);
      if (w >= 0 && w < W) {
        UNROLL(R)
        for (int r = 0; r < R; ++r)
          if (p + r >= args.before_h && p + r < H + args.before_h) {
            const floatv value = LOAD(from + (r * W + w) * C);
            UNROLL(S)
            for (int s = 0; s < S; ++s) sums[s] = MULTIPLY_ADD(value, filter[r * S + s], sums[s]);
          }
      }
      const int q = w + args.before_w - (S - 1);
      if (q >= 0) {
        const size_t at = to + q * C;
        store_output(finished(sums[S - 1], at, V, residual, epilogue), y + at, V,
                     args.non_temporal);
      }
      UNROLL(S)
      for (int s = S - 1; s > 0; --s) sums[s] = sums[s - 1];
      sums[0] = bias;
    }
  }
}

// part[piece, tap, C]: a work-item computes V channels of one piece of `length` rows of dy.
__kernel GROUP void conv2d_depthwise_slide_dw(__global const float* restrict x,
                                              __global const float* restrict dy,
                                              __global float* restrict part,
                                              const Conv2dDepthwiseSlideDwParams args, int items,
                                              int chunk) {
  const int H = args.H, W = args.W, C = args.C, P = args.P, Q = args.Q;
  const int vectors = C / V;
  FOR_ITEMS(i) {
    const int channel = i % vectors * V, piece = i / vectors;
    floatv sums[R * S], gradients[S];  // gradients[s]: of the pixel of which tap s is at the column
    UNROLL(R * S)
    for (int tap = 0; tap < R * S; ++tap) sums[tap] = (floatv)(0.0f);
    for (int row = piece * args.length, end = min(row + args.length, args.rows); row < end; ++row) {
      const int p = row % P, n = row / P;
      __global const float* from = x + ((size_t)n * H + p - args.before_h) * W * C + channel;
      __global const float* dy_row = dy + (size_t)row * Q * C + channel;
      UNROLL(S)
      for (int s = 0; s < S; ++s) gradients[s] = (floatv)(0.0f);
      for (int w = -args.before_w; w < W; ++w) {
        UNROLL(S)
        for (int s = S - 1; s > 0; --s) gradients[s] = gradients[s - 1];
        const int q = w + args.before_w;
        gradients[0] = q < Q ? LOAD(dy_row + q * C) : (floatv)(0.0f);
        PREFETCH(dy_row + q * C + V);
        PREFETCH(from + ((R - 1) * W + w) * C + V);
        if (w < 0) continue;
        UNROLL(R)
        for (int r = 0; r < R; ++r)
          if (p + r >= args.before_h && p + r < H + args.before_h) {
            const floatv value = LOAD(from + (r * W + w) * C);
            UNROLL(S)
            for (int s = 0; s < S; ++s)
              sums[r * S + s] = MULTIPLY_ADD(value, gradients[s], sums[r * S + s]);
          }
      }
    }
    UNROLL(R * S)
    for (int tap = 0; tap < R * S; ++tap)
      STORE(sums[tap], part + ((size_t)piece * R * S + tap) * C + channel);
  }
}

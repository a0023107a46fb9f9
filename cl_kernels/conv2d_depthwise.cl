// Depthwise convolution, NHWC, weights [K,R,S,1], and its gradients, with vectors over channels.
//
// conv2d_depthwise computes both the forward pass and the gradient of the input: along each axis
// result i reads, for tap t, position base + i*stride + t*step of the source if that is inside, and
// weight first + t*next. Lane k of the result reads source channel (k*lane_mul + j) / lane_div for
// each j below depth: with M filters per channel this is k / M forward and k*M + j backward.
#include "common.h"
#include "conv2d_depthwise_params.h"

#ifndef PIXELS
#define PIXELS 4  // of a row of the result, made by one work-item
#endif
#define TAPS 3  // of a filter's row, made by one work-item of conv2d_depthwise_dw

// A work-item computes one row of the packed weights: those of all result channels for one tap and
// j. The last row is the bias.
__kernel GROUP void conv2d_depthwise_pack(__global const float* restrict filter,
                                          __global const float* restrict bias,
                                          __global float* restrict packed,
                                          const Conv2dDepthwisePackParams args, int items,
                                          int chunk) {
  FOR_ITEMS(i) {
    const int tap = i / args.depth, j = i % args.depth;
    for (int k = 0; k < args.width; ++k) {
      float value = 0.0f;
      if (k < args.channels && tap < args.taps)
        value = filter[(size_t)(k * args.depth + j) * args.taps + tap];
      if (k < args.channels && tap == args.taps && args.has_bias) value = bias[k];
      packed[(size_t)i * args.width + k] = value;
    }
  }
}

// Channels (k*mul + j) / div of a pixel for k in [channel, channel + V), as far as count goes.
static inline floatv channels_of(__global const float* pixel, int channel, int count, int j,
                                 int mul, int div) {
  if (mul == 1 && div == 1) return load_lanes(pixel + channel, count);
  float lanes[V];
  for (int k = 0; k < V; ++k) lanes[k] = k < count ? pixel[((channel + k) * mul + j) / div] : 0.0f;
  return LOAD(lanes);
}

// Adds tap `w` to PIXELS sums: pixel t reads from[offset + t*step] if its column, first + t*stride,
// is among W.
static inline void add_tap(floatv* sums, __global const float* restrict from, int offset, int step,
                           floatv weight, int first, int stride, int W) {
  if (first >= 0 && first + (PIXELS - 1) * stride < W) {
    UNROLL(PIXELS)
    for (int t = 0; t < PIXELS; ++t)
      sums[t] = MULTIPLY_ADD(LOAD(from + offset + t * step), weight, sums[t]);
    return;
  }
  UNROLL(PIXELS)
  for (int t = 0; t < PIXELS; ++t)
    if (first + t * stride >= 0 && first + t * stride < W)
      sums[t] = MULTIPLY_ADD(LOAD(from + offset + t * step), weight, sums[t]);
}

// The same for the first `count` channels, which may differ from the result's.
static inline void add_mapped_tap(floatv* sums, __global const float* restrict from, int C,
                                  floatv weight, int first, int stride, int W, int channel,
                                  int count, int j, int mul, int div) {
  UNROLL(PIXELS)
  for (int t = 0; t < PIXELS; ++t) {
    const int w = first + t * stride;
    if (w >= 0 && w < W)
      sums[t] = MULTIPLY_ADD(channels_of(from + (size_t)w * C, channel, count, j, mul, div), weight,
                             sums[t]);
  }
}

// A work-item computes PIXELS pixels of a row times V channels.
__kernel GROUP void conv2d_depthwise(__global const float* restrict x,
                                     __global const float* restrict packed,
                                     __global float* restrict y, const Conv2dDepthwiseParams args,
                                     __global const float* restrict residual,
                                     const EpilogueParams epilogue, int items, int chunk) {
  const int H = args.H, W = args.W, C = args.C, P = args.P, Q = args.Q, K = args.K, R = args.R,
            S = args.S;
  const int vectors = (K + V - 1) / V, tiles = (Q + PIXELS - 1) / PIXELS, width = vectors * V;
  const bool lanes_match = args.depth == 1 && args.lane_mul == 1 && args.lane_div == 1;
  // Incremented from work-item to work-item, since divisions would need as long as the sums.
  const int begin = (int)get_global_id(0) * chunk;
  int channel = begin % vectors * V, q = begin / vectors % tiles * PIXELS;
  int p = begin / vectors / tiles % P, n = begin / vectors / tiles / P;
  FOR_ITEMS(i) {
    const int count = K - channel;
    const bool is_plain = lanes_match && count >= V;
    floatv sums[PIXELS];
    UNROLL(PIXELS)
    for (int t = 0; t < PIXELS; ++t)
      sums[t] = LOAD(packed + (size_t)args.all_taps * args.depth * width + channel);
    for (int r = 0; r < R; ++r) {
      const int h = args.h_base + p * args.h_stride + r * args.h_step;
      if (h < 0 || h >= H) continue;
      __global const float* from = x + ((size_t)n * H + h) * W * C;
      for (int s = 0; s < S; ++s) {
        const int first = args.w_base + q * args.w_stride + s * args.w_step,
                  tap = args.tap_base + r * args.tap_r + s * args.tap_s;
        __global const float* weights = packed + (size_t)tap * args.depth * width + channel;
        if (is_plain)
          add_tap(sums, from, first * C + channel, args.w_stride * C, LOAD(weights), first,
                  args.w_stride, W);
        else
          for (int j = 0; j < args.depth; ++j)
            add_mapped_tap(sums, from, C, LOAD(weights + j * width), first, args.w_stride, W,
                           channel, count, j, args.lane_mul, args.lane_div);
      }
    }
    const size_t first = args.y_base + (size_t)n * args.y_n + p * args.y_p + q * args.y_q + channel;
    UNROLL(PIXELS)
    for (int t = 0; t < PIXELS; ++t)
      if (q + t < Q) {
        const size_t at = first + (size_t)t * args.y_q;
        store_lanes(finished(sums[t], at, count, residual, epilogue), y + at, count);
      }
    channel += V;
    if (channel < K) continue;
    channel = 0;
    q += PIXELS;
    if (q < Q) continue;
    q = 0;
    if (++p < P) continue;
    p = 0;
    ++n;
  }
}

// Adds to TAPS sums a row of Q pixels: tap t reads column first + q*stride + t*dilation of the W of
// x.
static inline void add_row(floatv* sums, __global const float* restrict x,
                           __global const float* restrict dy, int Q, int W, int C, int K, int first,
                           int stride, int dilation) {
  for (int q = 0; q < Q; ++q, first += stride, dy += K) {
    const floatv gradient = LOAD(dy);
    __global const float* from = x + first * C;
    if (first >= 0 && first + (TAPS - 1) * dilation < W) {
      UNROLL(TAPS)
      for (int t = 0; t < TAPS; ++t)
        sums[t] = MULTIPLY_ADD(LOAD(from + t * dilation * C), gradient, sums[t]);
      continue;
    }
    UNROLL(TAPS)
    for (int t = 0; t < TAPS; ++t)
      if (first + t * dilation >= 0 && first + t * dilation < W)
        sums[t] = MULTIPLY_ADD(LOAD(from + t * dilation * C), gradient, sums[t]);
  }
}

// The same for the first `count` filters and `taps`, with several filters per channel.
static inline void add_mapped_row(floatv* sums, __global const float* restrict x,
                                  __global const float* restrict dy, int Q, int W, int C, int K,
                                  int first, int stride, int dilation, int taps, int channel,
                                  int count) {
  for (int q = 0; q < Q; ++q, first += stride, dy += K) {
    const floatv gradient = load_lanes(dy, count);
    UNROLL(TAPS)
    for (int t = 0; t < TAPS; ++t) {
      const int w = first + t * dilation;
      if (t < taps && w >= 0 && w < W)
        sums[t] = MULTIPLY_ADD(channels_of(x + (size_t)w * C, channel, count, 0, 1, K / C),
                               gradient, sums[t]);
    }
  }
}

// part[piece, tap, k]: a work-item computes V filters times TAPS taps of a row of one piece of
// `length` rows.
__kernel GROUP void conv2d_depthwise_dw(__global const float* restrict x,
                                        __global const float* restrict dy,
                                        __global float* restrict part,
                                        const Conv2dDepthwiseDwParams args, int items, int chunk) {
  const int H = args.H, W = args.W, C = args.C, P = args.P, Q = args.Q, K = args.K, R = args.R,
            S = args.S;
  const int vectors = (K + V - 1) / V, groups = (S + TAPS - 1) / TAPS;
  FOR_ITEMS(i) {
    const int channel = i % vectors * V, count = K - channel, s = i / vectors % groups * TAPS;
    const int r = i / vectors / groups % R, piece = i / vectors / groups / R;
    const int first = s * args.dilation_w - args.padding_w;
    floatv sums[TAPS];
    UNROLL(TAPS)
    for (int t = 0; t < TAPS; ++t) sums[t] = (floatv)(0.0f);
    const int end = min((piece + 1) * args.length, args.rows);
    for (int row = piece * args.length; row < end; ++row) {
      const int h = row % P * args.stride_h + r * args.dilation_h - args.padding_h;
      if (h < 0 || h >= H) continue;
      __global const float* from = x + ((size_t)(row / P) * H + h) * W * C;
      __global const float* gradients = dy + (size_t)row * Q * K + channel;
      if (K == C && count >= V && s + TAPS <= S)
        add_row(sums, from + channel, gradients, Q, W, C, K, first, args.stride_w, args.dilation_w);
      else
        add_mapped_row(sums, from, gradients, Q, W, C, K, first, args.stride_w, args.dilation_w,
                       S - s, channel, count);
    }
    UNROLL(TAPS)
    for (int t = 0; t < TAPS; ++t)
      if (s + t < S)
        STORE(sums[t], part + ((size_t)(piece * R + r) * S + s + t) * vectors * V + channel);
  }
}

// dw[k, tap] = sum over the pieces, in order. A work-item computes V filters of one tap.
__kernel GROUP void conv2d_depthwise_finish(__global const float* restrict part,
                                            __global float* restrict dw,
                                            const Conv2dDepthwiseFinishParams args, int items,
                                            int chunk) {
  const int K = args.K;
  const int vectors = (K + V - 1) / V;
  FOR_ITEMS(i) {
    const int tap = i / vectors, channel = i % vectors * V;
    floatv sum = (floatv)(0.0f);
    for (int piece = 0; piece < args.pieces; ++piece)
      sum += LOAD(part + (size_t)(piece * args.taps + tap) * vectors * V + channel);
    float lanes[V];
    STORE(sum, lanes);
    UNROLL(V)
    for (int k = 0; k < V; ++k)
      if (k < K - channel) dw[(size_t)(channel + k) * args.taps + tap] = lanes[k];
  }
}

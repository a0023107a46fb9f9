// Depthwise convolution, NHWC, weights [K,R,S,1], and its gradients, with vectors over channels.
//
// conv2d_depthwise computes the forward pass and the gradient of the input alike: along each axis
// result i takes, for tap t, position (i*mul + t*step - base) / div of the source if that is whole
// and inside. Lane k of the result takes source channel (k*lane_mul + j) / lane_div for each j below
// depth: with M filters a channel that is k / M forwards and k*M + j backwards.
#include "common.h"

#ifndef PIXELS
#define PIXELS 4  // of a row of the result, made by one item
#endif
#define TAPS 3  // of a filter's row, made by one item of conv2d_depthwise_dw

// An item is one row of the packed weights: those of all result channels for one tap and j. The
// last row is the bias.
__kernel GROUP void conv2d_depthwise_pack(__global const float* restrict w,
                                          __global const float* restrict b,
                                          __global float* restrict packed, int has_bias, int taps,
                                          int depth, int channels, int width, int items, int chunk) {
  FOR_ITEMS(i) {
    const int tap = i / depth, j = i % depth;
    for (int k = 0; k < width; ++k) {
      float value = 0.0f;
      if (k < channels && tap < taps) value = w[(size_t)(k * depth + j) * taps + tap];
      if (k < channels && tap == taps && has_bias) value = b[k];
      packed[(size_t)i * width + k] = value;
    }
  }
}

// Channels (k*mul + j) / div of a pixel for k in [channel, channel + V), as far as count goes.
static inline floatv channels_of(__global const float* pixel, int channel, int count, int j, int mul,
                                 int div) {
  if (mul == 1 && div == 1) return load_lanes(pixel + channel, count);
  float lanes[V];
  for (int k = 0; k < V; ++k)
    lanes[k] = k < count ? pixel[((channel + k) * mul + j) / div] : 0.0f;
  return LOAD(lanes);
}

static inline int source_of(int at, int div) {
  return div == 1 ? at : at % div != 0 ? -1 : at / div;
}

// An item is PIXELS pixels of a row times V channels.
__kernel GROUP void conv2d_depthwise(__global const float* restrict x,
                                     __global const float* restrict packed,
                                     __global float* restrict y, int H, int W, int ins, int P, int Q,
                                     int outs, int R, int S, int depth, int lane_mul, int lane_div,
                                     int mul_h, int step_h, int base_h, int div_h, int mul_w,
                                     int step_w, int base_w, int div_w, int items, int chunk) {
  const int vectors = (outs + V - 1) / V, tiles = (Q + PIXELS - 1) / PIXELS, width = vectors * V;
  FOR_ITEMS(i) {
    const int channel = i % vectors * V, count = outs - channel;
    const int q = i / vectors % tiles * PIXELS, row = i / vectors / tiles;
    const int p = row % P, n = row / P;
    floatv sums[PIXELS];
    UNROLL(PIXELS)
    for (int t = 0; t < PIXELS; ++t)
      sums[t] = LOAD(packed + (size_t)R * S * depth * width + channel);
    for (int r = 0; r < R; ++r) {
      const int h = source_of(p * mul_h + r * step_h - base_h, div_h);
      if (h < 0 || h >= H) continue;
      __global const float* from = x + ((size_t)n * H + h) * W * ins;
      for (int s = 0; s < S; ++s)
        for (int j = 0; j < depth; ++j) {
          const floatv w = LOAD(packed + (size_t)((r * S + s) * depth + j) * width + channel);
          UNROLL(PIXELS)
          for (int t = 0; t < PIXELS; ++t) {
            const int column = source_of((q + t) * mul_w + s * step_w - base_w, div_w);
            if (column >= 0 && column < W)
              sums[t] = MULTIPLY_ADD(channels_of(from + (size_t)column * ins, channel, count, j,
                                                 lane_mul, lane_div), w, sums[t]);
          }
        }
    }
    UNROLL(PIXELS)
    for (int t = 0; t < PIXELS; ++t)
      if (q + t < Q) store_lanes(sums[t], y + ((size_t)row * Q + q + t) * outs + channel, count);
  }
}

// part[piece, tap, k]: an item is V filters times TAPS taps of a row of one piece of `length` rows.
__kernel GROUP void conv2d_depthwise_dw(__global const float* restrict x,
                                        __global const float* restrict dy,
                                        __global float* restrict part, int rows, int length, int H,
                                        int W, int C, int P, int Q, int K, int R, int S,
                                        int stride_h, int stride_w, int padding_h, int padding_w,
                                        int dilation_h, int dilation_w, int items, int chunk) {
  const int vectors = (K + V - 1) / V, groups = (S + TAPS - 1) / TAPS;
  const int filters = K / C;
  FOR_ITEMS(i) {
    const int channel = i % vectors * V, count = K - channel, s = i / vectors % groups * TAPS;
    const int r = i / vectors / groups % R, piece = i / vectors / groups / R;
    floatv sums[TAPS];
    UNROLL(TAPS)
    for (int t = 0; t < TAPS; ++t) sums[t] = (floatv)(0.0f);
    const int end = min((piece + 1) * length, rows);
    for (int row = piece * length; row < end; ++row) {
      const int h = row % P * stride_h + r * dilation_h - padding_h;
      if (h < 0 || h >= H) continue;
      __global const float* from = x + ((size_t)(row / P) * H + h) * W * C;
      __global const float* gradients = dy + (size_t)row * Q * K + channel;
      for (int q = 0; q < Q; ++q) {
        const floatv gradient = load_lanes(gradients + (size_t)q * K, count);
        UNROLL(TAPS)
        for (int t = 0; t < TAPS; ++t) {
          const int column = q * stride_w + (s + t) * dilation_w - padding_w;
          if (s + t < S && column >= 0 && column < W)
            sums[t] = MULTIPLY_ADD(channels_of(from + (size_t)column * C, channel, count, 0, 1,
                                               filters), gradient, sums[t]);
        }
      }
    }
    UNROLL(TAPS)
    for (int t = 0; t < TAPS; ++t)
      if (s + t < S)
        STORE(sums[t], part + ((size_t)(piece * R + r) * S + s + t) * vectors * V + channel);
  }
}

// dw[k, tap] = sum over the pieces, in order. An item is V filters of one tap.
__kernel GROUP void conv2d_depthwise_finish(__global const float* restrict part,
                                            __global float* restrict dw, int K, int taps, int pieces,
                                            int items, int chunk) {
  const int vectors = (K + V - 1) / V;
  FOR_ITEMS(i) {
    const int tap = i / vectors, channel = i % vectors * V;
    floatv sum = (floatv)(0.0f);
    for (int piece = 0; piece < pieces; ++piece)
      sum += LOAD(part + (size_t)(piece * taps + tap) * vectors * V + channel);
    float lanes[V];
    STORE(sum, lanes);
    for (int k = 0; k < min(V, K - channel); ++k) dw[(size_t)(channel + k) * taps + tap] = lanes[k];
  }
}

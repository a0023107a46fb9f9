// Convolution, NHWC, weights [K,R,S,C/groups], and its gradients.
//
// conv2d_tile computes the forward pass and the gradient of the input alike: both slide filters
// over a tensor, and the host describes each by strides. It reads weights as vectors over the
// result's channels and a tensor with zeros around it, so that no tap is ever outside
// (conv2d_operands.cl). A work-item makes PIXELS pixels x NV vectors of channels.
// conv2d_dw_tile makes ROWS weights x NV vectors of output channels for one piece of the batch;
// conv2d_dw_finish adds the pieces in order. The *_naive kernels make one element per item.
#include "common.h"

#ifndef NV
#define NV 1  // vectors of channels in a tile
#endif
#ifndef PIXELS
#define PIXELS 4  // pixels in a tile of conv2d_tile
#endif
#ifndef ROWS
#define ROWS 4  // weights per output channel in a tile of conv2d_dw_tile
#endif
#ifndef CHANNELS_FIRST
#define CHANNELS_FIRST 1  // whether dimension 0 of a tile launch counts blocks of channels
#endif
#ifndef TILE_LOCAL_0
#define TILE_LOCAL_0 1  // work-group of a tile launch
#endif
#ifndef TILE_LOCAL_1
#define TILE_LOCAL_1 1
#endif

#define BLOCK (V * NV)
#define TILE_GROUP __attribute__((reqd_work_group_size(TILE_LOCAL_0, TILE_LOCAL_1, 1)))

// y[pixel, channel] = bias[channel] + residual + sum over r, s, j of
// x[x_base + pixel's offset + r*x_r + s*x_s + j] * packed[r, s, j, channel].
__kernel TILE_GROUP void conv2d_tile(
    __global const float* restrict x, __global const float* restrict packed,
    __global float* restrict y, int pixels, int P, int Q, int outs, int blocks, int all_blocks,
    int taps_r, int taps_s, int run, int packed_block, int packed_tap, int bias_base, int x_base,
    int x_n, int x_p, int x_q, int x_r, int x_s, int x_group, int y_base, int y_n, int y_p, int y_q,
    __global const float* restrict residual, const EpilogueParams epilogue) {
  const int block = (int)get_global_id(CHANNELS_FIRST ? 0 : 1);
  const int first = (int)get_global_id(CHANNELS_FIRST ? 1 : 0) * PIXELS;
  if (block >= all_blocks || first >= pixels) return;
  const int group = block / blocks, channel = block % blocks * BLOCK;
  __global const float* from[PIXELS];
  size_t to[PIXELS];
  floatv sums[PIXELS][NV];
  int q = first % Q, p = first / Q % P, n = first / Q / P;
  UNROLL(PIXELS)
  for (int i = 0; i < PIXELS; ++i) {  // pixels past the last one are the last one again
    from[i] = x + x_base + (size_t)n * x_n + p * x_p + q * x_q + group * x_group;
    to[i] = y_base + (size_t)n * y_n + p * y_p + q * y_q + group * outs + channel;
    if (first + i + 1 < pixels && ++q == Q) {
      q = 0;
      if (++p == P) {
        p = 0;
        ++n;
      }
    }
    UNROLL(NV)
    for (int v = 0; v < NV; ++v) sums[i][v] = LOAD(packed + bias_base + block * BLOCK + v * V);
  }
  __global const float* w = packed + (size_t)block * packed_block;
  for (int r = 0; r < taps_r; ++r)
    for (int s = 0; s < taps_s; ++s) {
      const int offset = r * x_r + s * x_s;
      for (int j = offset; j < offset + run; ++j, w += packed_tap) {
        floatv weights[NV];
        UNROLL(NV)
        for (int v = 0; v < NV; ++v) weights[v] = LOAD(w + v * V);
        UNROLL(PIXELS)
        for (int i = 0; i < PIXELS; ++i) {
          const floatv value = (floatv)(from[i][j]);
          UNROLL(NV)
          for (int v = 0; v < NV; ++v) sums[i][v] = MULTIPLY_ADD(value, weights[v], sums[i][v]);
        }
      }
    }
  if (has_epilogue(epilogue)) UNROLL(PIXELS)
  for (int i = 0; i < PIXELS; ++i) UNROLL(NV)
  for (int v = 0; v < NV; ++v)
    sums[i][v] = finished(sums[i][v], to[i] + v * V, outs - channel - v * V, residual, epilogue);
  UNROLL(PIXELS)
  for (int i = 0; i < PIXELS; ++i)
    if (first + i < pixels) UNROLL(NV)
  for (int v = 0; v < NV; ++v) store_lanes(sums[i][v], y + to[i] + v * V, outs - channel - v * V);
}

// part[piece, r, s, j, k] = sum over the pixels of a piece of x[.. + j] * dy[.., k]. Dimension 2
// counts pieces of `images` images. Vectors of dy may reach into the next pixel, never past dy.
__kernel TILE_GROUP void conv2d_dw_tile(__global const float* restrict x,
                                        __global const float* restrict dy,
                                        __global float* restrict part, int N, int P, int Q, int K,
                                        int outs, int blocks, int all_blocks, int images,
                                        int taps_r, int taps_s, int run, int x_base, int x_n,
                                        int x_p, int x_q, int x_r, int x_s, int x_group,
                                        int dy_elements) {
  const int block = (int)get_global_id(CHANNELS_FIRST ? 0 : 1);
  const int tile = (int)get_global_id(CHANNELS_FIRST ? 1 : 0);
  const int piece = (int)get_global_id(2);
  const int tiles = (run + ROWS - 1) / ROWS;
  if (block >= all_blocks || tile >= tiles * taps_s * taps_r) return;
  const int group = block / blocks, channel = block % blocks * BLOCK;
  const int j = tile % tiles * ROWS, s = tile / tiles % taps_s, r = tile / tiles / taps_s;
  int offsets[ROWS];
  floatv sums[ROWS][NV];
  UNROLL(ROWS)
  for (int i = 0; i < ROWS; ++i) {
    offsets[i] = min(j + i, run - 1);
    UNROLL(NV)
    for (int v = 0; v < NV; ++v) sums[i][v] = (floatv)(0.0f);
  }
  for (int n = piece * images; n < min((piece + 1) * images, N); ++n)
    for (int p = 0; p < P; ++p) {
      __global const float* from =
          x + x_base + (size_t)n * x_n + p * x_p + r * x_r + s * x_s + group * x_group;
      const size_t row = ((size_t)n * P + p) * Q * K + group * outs + channel;
      // Pixels from `whole` on have fewer than BLOCK elements left in dy.
      const long room = (long)dy_elements - BLOCK - (long)row;
      const int whole = room >= (long)(Q - 1) * K ? Q : room < 0 ? 0 : (int)(room / K) + 1;
      int q = 0;
      for (; q < whole; ++q, from += x_q) {
        floatv gradients[NV];
        UNROLL(NV)
        for (int v = 0; v < NV; ++v) gradients[v] = LOAD(dy + row + q * K + v * V);
        UNROLL(ROWS)
        for (int i = 0; i < ROWS; ++i) {
          const floatv value = (floatv)(from[offsets[i]]);
          UNROLL(NV)
          for (int v = 0; v < NV; ++v) sums[i][v] = MULTIPLY_ADD(value, gradients[v], sums[i][v]);
        }
      }
      for (; q < Q; ++q, from += x_q) UNROLL(NV)
      for (int v = 0; v < NV; ++v) {
        const floatv gradient = load_lanes(dy + row + q * K + v * V, outs - channel - v * V);
        UNROLL(ROWS)
        for (int i = 0; i < ROWS; ++i)
          sums[i][v] = MULTIPLY_ADD((floatv)(from[offsets[i]]), gradient, sums[i][v]);
      }
    }
  const int taps = taps_r * taps_s * run, width = all_blocks * BLOCK;
  UNROLL(ROWS)
  for (int i = 0; i < ROWS; ++i)
    if (j + i < run) {
      const int tap = (r * taps_s + s) * run + j + i;
      __global float* to = part + ((size_t)piece * taps + tap) * width + block * BLOCK;
      UNROLL(NV)
      for (int v = 0; v < NV; ++v) STORE(sums[i][v], to + v * V);
    }
}

// dw[k, tap] = sum over pieces of part[piece, tap, k]. An item is V output channels of one tap.
__kernel GROUP void conv2d_dw_finish(__global const float* restrict part,
                                     __global float* restrict dw, int taps, int outs, int blocks,
                                     int all_blocks, int pieces, int items, int chunk) {
  const int width = all_blocks * BLOCK;
  FOR_ITEMS(i) {
    const int tap = i % taps, lane = i / taps * V;
    const int block = lane / BLOCK, channel = block % blocks * BLOCK + lane % BLOCK;
    floatv sum = (floatv)(0.0f);
    for (int piece = 0; piece < pieces; ++piece)
      sum += LOAD(part + ((size_t)piece * taps + tap) * width + lane);
    float lanes[V];
    STORE(sum, lanes);
    __global float* to = dw + (size_t)(block / blocks * outs + channel) * taps + tap;
    UNROLL(V)
    for (int k = 0; k < V; ++k)
      if (k < outs - channel) to[(size_t)k * taps] = lanes[k];
  }
}

#define GEOMETRY                                                                             \
  int N, int H, int W, int C, int K, int R, int S, int P, int Q, int stride_h, int stride_w, \
      int padding_h, int padding_w, int dilation_h, int dilation_w, int groups

// An item is one element of y.
__kernel GROUP void conv2d_naive(__global const float* restrict x, __global const float* restrict w,
                                 __global const float* restrict b, __global float* restrict y,
                                 int has_bias, __global const float* restrict residual,
                                 const EpilogueParams epilogue, GEOMETRY, int items, int chunk) {
  const int channels = C / groups;
  FOR_ITEMS(i) {
    const int k = i % K, q = i / K % Q, p = i / K / Q % P, n = i / K / Q / P;
    const int c0 = k / (K / groups) * channels;
    float sum = has_bias ? b[k] : 0.0f;
    for (int r = 0; r < R; ++r)
      for (int s = 0; s < S; ++s) {
        const int h = p * stride_h + r * dilation_h - padding_h;
        const int column = q * stride_w + s * dilation_w - padding_w;
        if (h < 0 || h >= H || column < 0 || column >= W) continue;
        __global const float* from = x + (((size_t)n * H + h) * W + column) * C + c0;
        __global const float* weights = w + (((size_t)k * R + r) * S + s) * channels;
        for (int c = 0; c < channels; ++c) sum = MULTIPLY_ADD(from[c], weights[c], sum);
      }
    y[i] = finished_element(sum, i, residual, epilogue);
  }
}

// An item is one element of dx, which gathers from the outputs it took part in.
__kernel GROUP void conv2d_dx_naive(__global const float* restrict dy,
                                    __global const float* restrict w, __global float* restrict dx,
                                    GEOMETRY, int items, int chunk) {
  const int channels = C / groups, outs = K / groups;
  FOR_ITEMS(i) {
    const int c = i % C, column = i / C % W, h = i / C / W % H, n = i / C / W / H;
    const int k0 = c / channels * outs;
    float sum = 0.0f;
    for (int r = 0; r < R; ++r)
      for (int s = 0; s < S; ++s) {
        const int up = h + padding_h - r * dilation_h, left = column + padding_w - s * dilation_w;
        const int p = up / stride_h, q = left / stride_w;
        if (up < 0 || left < 0 || up % stride_h || left % stride_w || p >= P || q >= Q) continue;
        __global const float* from = dy + (((size_t)n * P + p) * Q + q) * K + k0;
        for (int k = 0; k < outs; ++k)
          sum = MULTIPLY_ADD(
              from[k], w[(((size_t)(k0 + k) * R + r) * S + s) * channels + c % channels], sum);
      }
    dx[i] = sum;
  }
}

// An item is one element of dw.
__kernel GROUP void conv2d_dw_naive(__global const float* restrict x,
                                    __global const float* restrict dy, __global float* restrict dw,
                                    GEOMETRY, int items, int chunk) {
  const int channels = C / groups;
  FOR_ITEMS(i) {
    const int c = i % channels, s = i / channels % S, r = i / channels / S % R;
    const int k = i / channels / S / R;
    const int c0 = k / (K / groups) * channels;
    float sum = 0.0f;
    for (int n = 0; n < N; ++n)
      for (int p = 0; p < P; ++p)
        for (int q = 0; q < Q; ++q) {
          const int h = p * stride_h + r * dilation_h - padding_h;
          const int column = q * stride_w + s * dilation_w - padding_w;
          if (h < 0 || h >= H || column < 0 || column >= W) continue;
          sum = MULTIPLY_ADD(x[(((size_t)n * H + h) * W + column) * C + c0 + c],
                             dy[(((size_t)n * P + p) * Q + q) * K + k], sum);
        }
    dw[i] = sum;
  }
}

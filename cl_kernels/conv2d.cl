// Convolution, NHWC, weights [K,R,S,C/groups], and its gradients.
//
// conv2d_tile computes both the forward pass and the gradient of the input: both slide filters over
// a tensor, and the host describes each by strides. It reads weights as vectors over the result's
// channels and a zero-padded tensor, so that no tap is outside (conv2d_operands.cl). A work-item
// computes PIXELS pixels x NV vectors of channels. conv2d_dw_tile computes ROWS weights x NV
// vectors of output channels for one piece of the batch; conv2d_dw_finish adds the pieces in order.
// The *_naive kernels compute one element per work-item.
#include "common.h"
#include "conv2d_params.h"

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
// x[base + pixel's offset + r*x.r + s*x.s + j] * packed[r, s, j, channel].
__kernel TILE_GROUP void conv2d_tile(__global const float* restrict x,
                                     __global const float* restrict packed,
                                     __global float* restrict y, const Conv2dTileParams args,
                                     __global const float* restrict residual,
                                     const EpilogueParams epilogue) {
  const int P = args.P, Q = args.Q, R = args.R, S = args.S;
  const int block = (int)get_global_id(CHANNELS_FIRST ? 0 : 1);
  const int first = (int)get_global_id(CHANNELS_FIRST ? 1 : 0) * PIXELS;
  if (block >= args.all_blocks || first >= args.pixels) return;
  const int group = block / args.blocks, channel = block % args.blocks * BLOCK;
  __global const float* from[PIXELS];
  size_t to[PIXELS];
  floatv sums[PIXELS][NV];
  int q = first % Q, p = first / Q % P, n = first / Q / P;
  UNROLL(PIXELS)
  for (int i = 0; i < PIXELS; ++i) {  // pixels past the last one are the last one again
    from[i] =
        x + args.x.base + (size_t)n * args.x.n + p * args.x.p + q * args.x.q + group * args.x.group;
    to[i] = args.y_base + (size_t)n * args.y_n + p * args.y_p + q * args.y_q + group * args.outs +
            channel;
    if (first + i + 1 < args.pixels && ++q == Q) {
      q = 0;
      if (++p == P) {
        p = 0;
        ++n;
      }
    }
    UNROLL(NV)
    for (int v = 0; v < NV; ++v) sums[i][v] = LOAD(packed + args.bias_base + block * BLOCK + v * V);
  }
  __global const float* filter = packed + (size_t)block * args.packed_block;
  for (int r = 0; r < R; ++r)
    for (int s = 0; s < S; ++s) {
      const int offset = r * args.x.r + s * args.x.s;
      for (int j = offset; j < offset + args.run; ++j, filter += args.packed_tap) {
        floatv weights[NV];
        UNROLL(NV)
        for (int v = 0; v < NV; ++v) weights[v] = LOAD(filter + v * V);
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
    sums[i][v] =
        finished(sums[i][v], to[i] + v * V, args.outs - channel - v * V, residual, epilogue);
  UNROLL(PIXELS)
  for (int i = 0; i < PIXELS; ++i)
    if (first + i < args.pixels) UNROLL(NV)
  for (int v = 0; v < NV; ++v)
    store_lanes(sums[i][v], y + to[i] + v * V, args.outs - channel - v * V);
}

// part[piece, r, s, j, k] = sum over the pixels of a piece of x[.. + j] * dy[.., k]. Dimension 2
// counts pieces of `images` images. Vectors of dy may extend into the next pixel, never past dy.
__kernel TILE_GROUP void conv2d_dw_tile(__global const float* restrict x,
                                        __global const float* restrict dy,
                                        __global float* restrict part,
                                        const Conv2dDwTileParams args) {
  const int N = args.N, P = args.P, Q = args.Q, K = args.K, R = args.R, S = args.S;
  const int block = (int)get_global_id(CHANNELS_FIRST ? 0 : 1);
  const int tile = (int)get_global_id(CHANNELS_FIRST ? 1 : 0);
  const int piece = (int)get_global_id(2);
  const int tiles = (args.run + ROWS - 1) / ROWS;
  if (block >= args.all_blocks || tile >= tiles * S * R) return;
  const int group = block / args.blocks, channel = block % args.blocks * BLOCK;
  const int j = tile % tiles * ROWS, s = tile / tiles % S, r = tile / tiles / S;
  int offsets[ROWS];
  floatv sums[ROWS][NV];
  UNROLL(ROWS)
  for (int i = 0; i < ROWS; ++i) {
    offsets[i] = min(j + i, args.run - 1);
    UNROLL(NV)
    for (int v = 0; v < NV; ++v) sums[i][v] = (floatv)(0.0f);
  }
  for (int n = piece * args.images; n < min((piece + 1) * args.images, N); ++n)
    for (int p = 0; p < P; ++p) {
      __global const float* from = x + args.x.base + (size_t)n * args.x.n + p * args.x.p +
                                   r * args.x.r + s * args.x.s + group * args.x.group;
      const size_t row = ((size_t)n * P + p) * Q * K + group * args.outs + channel;
      // Pixels from `whole` on have fewer than BLOCK elements left in dy.
      const long room = (long)args.dy_elements - BLOCK - (long)row;
      const int whole = room >= (long)(Q - 1) * K ? Q : room < 0 ? 0 : (int)(room / K) + 1;
      int q = 0;
      for (; q < whole; ++q, from += args.x.q) {
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
      for (; q < Q; ++q, from += args.x.q) UNROLL(NV)
      for (int v = 0; v < NV; ++v) {
        const floatv gradient = load_lanes(dy + row + q * K + v * V, args.outs - channel - v * V);
        UNROLL(ROWS)
        for (int i = 0; i < ROWS; ++i)
          sums[i][v] = MULTIPLY_ADD((floatv)(from[offsets[i]]), gradient, sums[i][v]);
      }
    }
  const int taps = R * S * args.run, width = args.all_blocks * BLOCK;
  UNROLL(ROWS)
  for (int i = 0; i < ROWS; ++i)
    if (j + i < args.run) {
      const int tap = (r * S + s) * args.run + j + i;
      __global float* to = part + ((size_t)piece * taps + tap) * width + block * BLOCK;
      UNROLL(NV)
      for (int v = 0; v < NV; ++v) STORE(sums[i][v], to + v * V);
    }
}

// dw[k, tap] = sum over pieces of part[piece, tap, k]. A work-item computes V output channels of
// one tap.
__kernel GROUP void conv2d_dw_finish(__global const float* restrict part,
                                     __global float* restrict dw,
                                     const Conv2dDwTileFinishParams args, int items, int chunk) {
  const int width = args.all_blocks * BLOCK;
  FOR_ITEMS(i) {
    const int tap = i % args.taps, lane = i / args.taps * V;
    const int block = lane / BLOCK, channel = block % args.blocks * BLOCK + lane % BLOCK;
    floatv sum = (floatv)(0.0f);
    for (int piece = 0; piece < args.pieces; ++piece)
      sum += LOAD(part + ((size_t)piece * args.taps + tap) * width + lane);
    float lanes[V];
    STORE(sum, lanes);
    __global float* to = dw + (size_t)(block / args.blocks * args.outs + channel) * args.taps + tap;
    UNROLL(V)
    for (int k = 0; k < V; ++k)
      if (k < args.outs - channel) to[(size_t)k * args.taps] = lanes[k];
  }
}

// A work-item computes one element of y.
__kernel GROUP void conv2d_naive(__global const float* restrict x,
                                 __global const float* restrict filter,
                                 __global const float* restrict bias, __global float* restrict y,
                                 int has_bias, __global const float* restrict residual,
                                 const EpilogueParams epilogue, const Conv2dParams args, int items,
                                 int chunk) {
  const int H = args.H, W = args.W, C = args.C, K = args.K, R = args.R, S = args.S, P = args.P,
            Q = args.Q;
  const int channels = C / args.groups;
  FOR_ITEMS(i) {
    const int k = i % K, q = i / K % Q, p = i / K / Q % P, n = i / K / Q / P;
    const int c0 = k / (K / args.groups) * channels;
    float sum = has_bias ? bias[k] : 0.0f;
    for (int r = 0; r < R; ++r)
      for (int s = 0; s < S; ++s) {
        const int h = p * args.stride_h + r * args.dilation_h - args.padding_h;
        const int w = q * args.stride_w + s * args.dilation_w - args.padding_w;
        if (h < 0 || h >= H || w < 0 || w >= W) continue;
        __global const float* from = x + (((size_t)n * H + h) * W + w) * C + c0;
        __global const float* weights = filter + (((size_t)k * R + r) * S + s) * channels;
        for (int c = 0; c < channels; ++c) sum = MULTIPLY_ADD(from[c], weights[c], sum);
      }
    y[i] = finished_element(sum, i, residual, epilogue);
  }
}

// A work-item computes one element of dx, which gathers from the outputs that depend on it.
__kernel GROUP void conv2d_dx_naive(__global const float* restrict dy,
                                    __global const float* restrict filter,
                                    __global float* restrict dx, const Conv2dParams args, int items,
                                    int chunk) {
  const int H = args.H, W = args.W, C = args.C, K = args.K, R = args.R, S = args.S, P = args.P,
            Q = args.Q;
  const int channels = C / args.groups, outs = K / args.groups;
  FOR_ITEMS(i) {
    const int c = i % C, w = i / C % W, h = i / C / W % H, n = i / C / W / H;
    const int k0 = c / channels * outs;
    float sum = 0.0f;
    for (int r = 0; r < R; ++r)
      for (int s = 0; s < S; ++s) {
        const int up = h + args.padding_h - r * args.dilation_h,
                  left = w + args.padding_w - s * args.dilation_w;
        const int p = up / args.stride_h, q = left / args.stride_w;
        if (up < 0 || left < 0 || up % args.stride_h || left % args.stride_w || p >= P || q >= Q)
          continue;
        __global const float* from = dy + (((size_t)n * P + p) * Q + q) * K + k0;
        for (int k = 0; k < outs; ++k)
          sum = MULTIPLY_ADD(
              from[k], filter[(((size_t)(k0 + k) * R + r) * S + s) * channels + c % channels], sum);
      }
    dx[i] = sum;
  }
}

// A work-item computes one element of dw.
__kernel GROUP void conv2d_dw_naive(__global const float* restrict x,
                                    __global const float* restrict dy, __global float* restrict dw,
                                    const Conv2dParams args, int items, int chunk) {
  const int N = args.N, H = args.H, W = args.W, C = args.C, K = args.K, R = args.R, S = args.S,
            P = args.P, Q = args.Q;
  const int channels = C / args.groups;
  FOR_ITEMS(i) {
    const int c = i % channels, s = i / channels % S, r = i / channels / S % R;
    const int k = i / channels / S / R;
    const int c0 = k / (K / args.groups) * channels;
    float sum = 0.0f;
    for (int n = 0; n < N; ++n)
      for (int p = 0; p < P; ++p)
        for (int q = 0; q < Q; ++q) {
          const int h = p * args.stride_h + r * args.dilation_h - args.padding_h;
          const int w = q * args.stride_w + s * args.dilation_w - args.padding_w;
          if (h < 0 || h >= H || w < 0 || w >= W) continue;
          sum = MULTIPLY_ADD(x[(((size_t)n * H + h) * W + w) * C + c0 + c],
                             dy[(((size_t)n * P + p) * Q + q) * K + k], sum);
        }
    dw[i] = sum;
  }
}

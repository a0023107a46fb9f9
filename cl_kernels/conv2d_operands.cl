// The operands of a convolution as its kernels read them: weights in blocks of result channels, and
// zero-padded tensors. All sizes are arguments, so that there is one program for all.
#include "common.h"
#include "conv2d_params.h"

// A work-item copies one row of `block` weights, of a block of result channels for one tap. The
// last work-items are the bias of each block.
__kernel GROUP void conv2d_pack(__global const float* restrict filter,
                                __global const float* restrict bias,
                                __global float* restrict packed, const Conv2dPackParams args,
                                int items, int chunk) {
  const int R = args.R, S = args.S;
  const int taps = R * S * args.run;
  FOR_ITEMS(i) {
    const int number = i / (taps + 1), tap = i % (taps + 1);
    const int group = number / args.blocks, first = number % args.blocks * args.block;
    const bool is_bias = tap == taps;
    const int r = tap / args.run / S, s = tap / args.run % S, j = tap % args.run;
    __global const float* from = is_bias ? bias + group * args.outs + first
                                         : filter + args.filter_base + group * args.filter_group +
                                               r * args.filter_r + s * args.filter_s +
                                               j * args.filter_j + first * args.filter_k;
    __global float* to = packed + (is_bias ? args.bias_base + number * args.block
                                           : number * args.packed_block + tap * args.packed_tap);
    const int step = is_bias ? 1 : args.filter_k;
    const int count = is_bias && !args.has_bias ? 0 : min(args.outs - first, args.block);
    for (int lane = 0; lane < args.block; ++lane)
      to[lane] = lane < count ? from[lane * step] : 0.0f;
  }
}

// y [N,P,Q] pixels of `channels` floats: x [N,H,W] padded with zeros. A work-item computes
// `segment` floats of a row of y.
__kernel GROUP void conv2d_pad(__global const float* restrict x, __global float* restrict y,
                               const Conv2dPadParams args, int items, int chunk) {
  const int H = args.H;
  const int segments = (args.y_row + args.segment - 1) / args.segment;
  FOR_ITEMS(i) {
    const int row = i / segments, begin = i % segments * args.segment;
    const int end = min(begin + args.segment, args.y_row);
    const int h = row % args.y_rows - args.top;
    __global float* to = y + (size_t)row * args.y_row;
    const bool inside = h >= 0 && h < H;
    // x covers [from, until) of this piece.
    const int from = inside ? clamp(args.left, begin, end) : end;
    const int until = inside ? clamp(args.left + args.x_row, begin, end) : end;
    const size_t x_base = ((size_t)(row / args.y_rows) * H + (inside ? h : 0)) * args.x_row;
    for (int k = begin; k < from; ++k) to[k] = 0.0f;
    for (int k = from; k < until; ++k) to[k] = x[x_base + (size_t)(k - args.left)];
    for (int k = until; k < end; ++k) to[k] = 0.0f;
  }
}

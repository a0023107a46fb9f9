// The operands of a convolution as its kernels read them: weights in blocks of result channels, and
// tensors with zeros around them. All sizes are arguments, so that there is one program for all.
#include "common.h"

// An item is one row of `block` weights: those of a block of result channels for one tap. The last
// items are the bias of each block.
__kernel GROUP void conv2d_pack(__global const float* restrict w, __global const float* restrict b,
                                __global float* restrict packed, int has_bias, int block, int outs,
                                int blocks, int taps_r, int taps_s, int run, int w_base, int w_out,
                                int w_r, int w_s, int w_j, int w_group, int packed_block,
                                int packed_tap, int bias_base, int items, int chunk) {
  const int taps = taps_r * taps_s * run;
  FOR_ITEMS(i) {
    const int number = i / (taps + 1), tap = i % (taps + 1);
    const int group = number / blocks, first = number % blocks * block;
    const bool is_bias = tap == taps;
    const int r = tap / run / taps_s, s = tap / run % taps_s, j = tap % run;
    __global const float* from =
        is_bias ? b + group * outs + first
                : w + w_base + group * w_group + r * w_r + s * w_s + j * w_j + first * w_out;
    __global float* to =
        packed + (is_bias ? bias_base + number * block : number * packed_block + tap * packed_tap);
    const int step = is_bias ? 1 : w_out;
    const int count = is_bias && !has_bias ? 0 : min(outs - first, block);
    for (int lane = 0; lane < block; ++lane) to[lane] = lane < count ? from[lane * step] : 0.0f;
  }
}

// y [N,P,Q] pixels of `channels` floats: x [N,H,W] with zeros around it. An item is `segment`
// floats of a row of y.
__kernel GROUP void conv2d_pad(__global const float* restrict x, __global float* restrict y, int H,
                               int x_row, int P, int y_row, int before_rows, int before,
                               int segment, int items, int chunk) {
  const int segments = (y_row + segment - 1) / segment;
  FOR_ITEMS(i) {
    const int row = i / segments, begin = i % segments * segment;
    const int end = min(begin + segment, y_row);
    const int h = row % P - before_rows;
    __global float* to = y + (size_t)row * y_row;
    const bool inside = h >= 0 && h < H;
    // x covers [from, until) of this piece.
    const int from = inside ? clamp(before, begin, end) : end;
    const int until = inside ? clamp(before + x_row, begin, end) : end;
    const size_t x_base = ((size_t)(row / P) * H + (inside ? h : 0)) * x_row;
    for (int k = begin; k < from; ++k) to[k] = 0.0f;
    for (int k = from; k < until; ++k) to[k] = x[x_base + (size_t)(k - before)];
    for (int k = until; k < end; ++k) to[k] = 0.0f;
  }
}

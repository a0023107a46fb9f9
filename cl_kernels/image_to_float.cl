// y = x * scale[c] + shift[c], with `padding` rows and columns of byte 0 on each side. `table` holds
// scale and shift of each channel. An item is `segment` pixels of one output row.
#include "common.h"

__kernel GROUP void image_to_float(__global const uchar* restrict x, __global float* restrict y,
                                   __global const float* restrict table, int H, int W, int C,
                                   int padding, int segment, int items, int chunk) {
  const int P = H + 2 * padding, Q = W + 2 * padding;
  const int segments = (Q + segment - 1) / segment;
  FOR_ITEMS(i) {
    const int row = i / segments, begin = i % segments * segment;
    const int end = min(begin + segment, Q);
    const int h = row % P - padding;
    const bool inside = h >= 0 && h < H;
    const size_t x_row = ((size_t)(row / P) * H + (inside ? h : 0)) * W;
    for (int q = begin; q < end; ++q) {
      const int w = q - padding;
      const bool pixel = inside && w >= 0 && w < W;
      for (int c = 0; c < C; ++c) {
        const float value = pixel ? (float)x[(x_row + w) * C + c] : 0.0f;
        y[((size_t)row * Q + q) * C + c] = value * table[2 * c] + table[2 * c + 1];
      }
    }
  }
}

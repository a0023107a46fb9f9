// Channels of images as separate planes, so that vectors are along rows of pixels.
#include "common.h"

// Writes row `h` of x [H,W,C] as planes from column -before_w on.
static inline void copy_planes(__global const float* restrict x, int h, int H, int W, int C,
                               int before_w, int plane_row, __global float* restrict planes) {
  const bool is_inside = h >= 0 && h < H;
  for (int c = 0; c < C; ++c, planes += plane_row) {
    __global const float* from = x + (size_t)(is_inside ? h : 0) * W * C + c;
    const int width = is_inside ? W : 0;
    for (int i = 0; i < before_w; ++i) planes[i] = 0.0f;
    for (int i = 0; i < width; ++i) planes[before_w + i] = from[i * C];
    for (int i = before_w + width; i < plane_row; ++i) planes[i] = 0.0f;
  }
}

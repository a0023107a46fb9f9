// Affine transforms of images, and box masks.
#include "augment_params.h"
#include "common.h"

// The largest coordinate that fits in an int.
#define FAR 1.0e9f

// The pixels around a position: the upper left one, which may be outside, and the weight of the
// lower right one.
typedef struct {
  int at;
  float part;
} Place;

static inline Place place(float coordinate, int size, int replicate) {
  const float least = replicate ? 0.0f : -FAR, most = replicate ? (float)(size - 1) : FAR;
  const float inside = fmax(least, fmin(most, coordinate));
  const float below = floor(inside);
  return (Place){(int)below, inside - below};
}

static inline float pixel(__global const uchar* x, int h, int w, int H, int W, int C) {
  return h >= 0 && h < H && w >= 0 && w < W ? (float)x[((size_t)h * W + w) * C] : 0.0f;
}

// t holds a transform of each image, `factors` scale and shift of each channel. A work-item
// computes `segment` pixels of one row of y [N,P,Q,C].
__kernel GROUP void transform_image(__global const uchar* restrict x,
                                    __global const float* restrict transforms,
                                    __global float* restrict y,
                                    __global const float* restrict factors,
                                    const TransformImageParams args, int items, int chunk) {
  const int H = args.H, W = args.W, C = args.C, P = args.P, Q = args.Q;
  const int segments = (Q + args.segment - 1) / args.segment;
  FOR_ITEMS(i) {
    const int row = i / segments, begin = i % segments * args.segment;
    const int end = min(begin + args.segment, Q);
    const float p = (float)(row % P - args.padding);
    __global const float* t = transforms + row / P * 6;
    __global const uchar* image = x + (size_t)(row / P) * H * W * C;
    for (int j = begin; j < end; ++j) {
      const float q = (float)(j - args.padding);
      const Place w = place(t[0] * q + t[1] * p + t[2], W, args.replicate);
      const Place h = place(t[3] * q + t[4] * p + t[5], H, args.replicate);
      const bool whole = w.part == 0.0f && h.part == 0.0f;
      for (int c = 0; c < C; ++c) {
        float value = pixel(image + c, h.at, w.at, H, W, C);
        if (!whole) {
          const float right = pixel(image + c, h.at, w.at + 1, H, W, C);
          const float lower = pixel(image + c, h.at + 1, w.at, H, W, C);
          const float lower_right = pixel(image + c, h.at + 1, w.at + 1, H, W, C);
          const float upper_mean = value + w.part * (right - value);
          const float lower_mean = lower + w.part * (lower_right - lower);
          value = upper_mean + h.part * (lower_mean - upper_mean);
        }
        y[((size_t)row * Q + j) * C + c] = value * factors[2 * c] + factors[2 * c + 1];
      }
    }
  }
}

// A work-item computes a row of y [N,H,W].
__kernel GROUP void box_mask(__global const float* restrict boxes, __global float* restrict y,
                             int H, int W, int items, int chunk) {
  FOR_ITEMS(i) {
    const float h = (float)(i % H);
    __global const float* box = boxes + i / H * 4;
    const bool crosses = h >= box[0] && h < box[2];
    for (int w = 0; w < W; ++w)
      y[(size_t)i * W + w] = crosses && (float)w >= box[1] && (float)w < box[3] ? 0.0f : 1.0f;
  }
}

// Shared by the kernels of Winograd's algorithm: the transforms of filters, of tiles of EDGE x EDGE
// pixels for RESULTS x RESULTS results, and of products.

#ifndef RESULTS
#define RESULTS 4  // rows and columns of a tile's results: 2 or 4
#endif
#if RESULTS == 4
#define EDGE 6  // its rows and columns
#define POSITIONS 36
#else
#define EDGE 4
#define POSITIONS 16
#endif

static inline floatv scaled(floatv sum, float factor, floatv value) {
  return MULTIPLY_ADD((floatv)(factor), value, sum);
}

#define TRANSFORM static inline
#include "winograd_transforms.h"

// transformed[position] of a square of from x from vectors: `transform` along its columns, then
// along its rows.
#define TRANSFORM_SQUARE(transform, from, pixels, transformed, position)                  \
  do {                                                                                    \
    floatv rows_[EDGE * (from)], values_[EDGE];                                           \
    UNROLL(from)                                                                          \
    for (int s_ = 0; s_ < (from); ++s_) transform((pixels) + s_, from, rows_ + s_, from); \
    UNROLL(EDGE)                                                                          \
    for (int r_ = 0; r_ < EDGE; ++r_) {                                                   \
      transform(rows_ + r_ * (from), 1, values_, 1);                                      \
      UNROLL(EDGE)                                                                        \
      for (int s_ = 0; s_ < EDGE; ++s_)                                                   \
        STORE(values_[s_], (transformed) + (r_ * EDGE + s_) * (position));                \
    }                                                                                     \
  } while (0)

static inline bool is_inside(int h, int w, int H, int W) {
  return h >= 0 && h < H && w >= 0 && w < W;
}

// transformed[position] of V channels, `count` of them there, of the tile of x [H,W,C] whose first
// pixel is (h, w): zeros outside of x.
static inline void transform_tile(__global const float* restrict x, int h, int w, int H, int W,
                                  int C, int count, __global float* restrict transformed,
                                  int position) {
  const floatv zero = (floatv)(0.0f);
  floatv pixels[POSITIONS];
  if (count >= V) {
    UNROLL(POSITIONS)
    for (int i = 0; i < POSITIONS; ++i)
      pixels[i] = is_inside(h + i / EDGE, w + i % EDGE, H, W)
                      ? LOAD(x + ((size_t)(h + i / EDGE) * W + w + i % EDGE) * C)
                      : zero;
  } else {
    floatv ragged[POSITIONS];  // separate, so that the pixels of the other branch stay in registers
    for (int i = 0; i < POSITIONS; ++i)
      ragged[i] = is_inside(h + i / EDGE, w + i % EDGE, H, W)
                      ? load_first(x + ((size_t)(h + i / EDGE) * W + w + i % EDGE) * C, count, 0.0f)
                      : zero;
    UNROLL(POSITIONS)
    for (int i = 0; i < POSITIONS; ++i) pixels[i] = ragged[i];
  }
  TRANSFORM_SQUARE(transform_source, EDGE, pixels, transformed, position);
}

// transformed[position] of V channels, `count` of them there, of the tile of dy [P,Q,K] whose first
// pixel is (p, q): zeros outside of dy.
static inline void transform_gradient_tile(__global const float* restrict dy, int p, int q, int P,
                                           int Q, int K, int count,
                                           __global float* restrict transformed, int position) {
  floatv pixels[RESULTS * RESULTS];
  UNROLL(RESULTS)
  for (int r = 0; r < RESULTS; ++r) UNROLL(RESULTS)
  for (int s = 0; s < RESULTS; ++s)
    pixels[r * RESULTS + s] = p + r < P && q + s < Q
                                  ? load_lanes(dy + ((size_t)(p + r) * Q + q + s) * K, count)
                                  : (floatv)(0.0f);
  TRANSFORM_SQUARE(transform_gradient, RESULTS, pixels, transformed, position);
}

// transformed[position] of V filters' 9 weights.
static inline void transform_taps(const floatv* filter, __global float* restrict transformed,
                                  size_t position) {
  TRANSFORM_SQUARE(transform_filter, 3, filter, transformed, position);
}

// Stores the results from (p, q) on of V channels, the first at y[at], from products[position].
static inline void finish_tile(__global const float* restrict products, int position, floatv bias,
                               __global float* restrict y, size_t at, int p, int q, int P, int Q,
                               int K, int count, __global const float* restrict residual,
                               const EpilogueParams epilogue) {
  floatv sums[POSITIONS], rows[RESULTS * EDGE], results[RESULTS];
  UNROLL(POSITIONS)
  for (int i = 0; i < POSITIONS; ++i) sums[i] = LOAD(products + i * position);
  UNROLL(EDGE)
  for (int s = 0; s < EDGE; ++s) transform_results(sums + s, EDGE, rows + s, EDGE);
  UNROLL(RESULTS)
  for (int r = 0; r < RESULTS; ++r) {
    transform_results(rows + r * EDGE, 1, results, 1);
    UNROLL(RESULTS)
    for (int s = 0; s < RESULTS; ++s)
      if (p + r < P && q + s < Q) {
        const size_t to = at + ((size_t)(p + r) * Q + q + s) * K;
        store_lanes(finished(results[s] + bias, to, count, residual, epilogue), y + to, count);
      }
  }
}

// The 9 weights, C apart, of V channels, `count` of them there, from their sums at each position.
// If `adds`, adds them to dw.
static inline void finish_weights(const floatv* sums, __global float* restrict dw, int C, int count,
                                  int adds) {
  floatv rows[3 * EDGE], weights[3];
  UNROLL(EDGE)
  for (int s = 0; s < EDGE; ++s) transform_weights(sums + s, EDGE, rows + s, EDGE);
  UNROLL(3)
  for (int r = 0; r < 3; ++r) {
    transform_weights(rows + r * EDGE, 1, weights, 1);
    UNROLL(3)
    for (int s = 0; s < 3; ++s) {
      __global float* to = dw + (size_t)(r * 3 + s) * C;
      store_lanes(adds ? load_lanes(to, count) + weights[s] : weights[s], to, count);
    }
  }
}

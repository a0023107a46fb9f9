// What the kernels of Winograd's algorithm share: the points, and the transforms of filters, of tiles of
// EDGE x EDGE pixels, which give RESULTS x RESULTS results, and of products back.
//
// In one dimension each position of a transformed tile is a point at which polynomials are multiplied,
// the last one infinity.

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

// One dimension of the transforms: each reads and writes elements so many apart. The gradient of the
// filter has tiles of dy in the place of filters, and weights in that of results.
#if RESULTS == 4
// The points 0, +-3/4, +-3/2 and infinity lose less than a digit, the usual 0, +-1, +-2 more than one.
// A and B, their squares and cubes.
#define A1 0.75f
#define A2 0.5625f
#define A3 0.421875f
#define B1 1.5f
#define B2 2.25f
#define B3 3.375f
// What rows of filters are divided by: the products of each point's distances to the others.
#define DIVISOR_0 (A2 * B2)
#define DIVISOR_A (2.0f * A2 * (A2 - B2))
#define DIVISOR_B (2.0f * B2 * (B2 - A2))

static inline void transform_source(const floatv* x, int step, floatv* to, int to_step) {
  const floatv even_a = scaled(x[4 * step], -B2, x[2 * step]);
  const floatv odd_a = scaled(x[3 * step], -B2, x[step]);
  const floatv even_b = scaled(x[4 * step], -A2, x[2 * step]);
  const floatv odd_b = scaled(x[3 * step], -A2, x[step]);
  to[0] = scaled(scaled(x[4 * step], -(A2 + B2), x[2 * step]), A2 * B2, x[0]);
  to[to_step] = scaled(even_a, A1, odd_a);
  to[2 * to_step] = scaled(even_a, -A1, odd_a);
  to[3 * to_step] = scaled(even_b, B1, odd_b);
  to[4 * to_step] = scaled(even_b, -B1, odd_b);
  to[5 * to_step] = scaled(scaled(x[5 * step], -(A2 + B2), x[3 * step]), A2 * B2, x[step]);
}

static inline void transform_filter(const floatv* w, int step, floatv* to) {
  const floatv even_a = scaled(w[0], A2, w[2 * step]), odd_a = A1 * w[step];
  const floatv even_b = scaled(w[0], B2, w[2 * step]), odd_b = B1 * w[step];
  to[0] = w[0] * (1.0f / DIVISOR_0);
  to[1] = (even_a + odd_a) * (1.0f / DIVISOR_A);
  to[2] = (even_a - odd_a) * (1.0f / DIVISOR_A);
  to[3] = (even_b + odd_b) * (1.0f / DIVISOR_B);
  to[4] = (even_b - odd_b) * (1.0f / DIVISOR_B);
  to[5] = w[2 * step];
}

static inline void transform_results(const floatv* m, int step, floatv* to, int to_step) {
  const floatv even_a = m[step] + m[2 * step], odd_a = m[step] - m[2 * step];
  const floatv even_b = m[3 * step] + m[4 * step], odd_b = m[3 * step] - m[4 * step];
  to[0] = m[0] + even_a + even_b;
  to[to_step] = scaled(A1 * odd_a, B1, odd_b);
  to[2 * to_step] = scaled(A2 * even_a, B2, even_b);
  to[3 * to_step] = scaled(scaled(m[5 * step], A3, odd_a), B3, odd_b);
}

static inline void transform_gradient(const floatv* dy, int step, floatv* to, int to_step) {
  const floatv even_a = scaled(dy[0], A2, dy[2 * step]);
  const floatv odd_a = scaled(A1 * dy[step], A3, dy[3 * step]);
  const floatv even_b = scaled(dy[0], B2, dy[2 * step]);
  const floatv odd_b = scaled(B1 * dy[step], B3, dy[3 * step]);
  to[0] = dy[0] * (1.0f / DIVISOR_0);
  to[to_step] = (even_a + odd_a) * (1.0f / DIVISOR_A);
  to[2 * to_step] = (even_a - odd_a) * (1.0f / DIVISOR_A);
  to[3 * to_step] = (even_b + odd_b) * (1.0f / DIVISOR_B);
  to[4 * to_step] = (even_b - odd_b) * (1.0f / DIVISOR_B);
  to[5 * to_step] = dy[3 * step];
}

static inline void transform_weights(const floatv* sums, int step, floatv* to, int to_step) {
  const floatv even_a = sums[step] + sums[2 * step], odd_a = sums[step] - sums[2 * step];
  const floatv even_b = sums[3 * step] + sums[4 * step], odd_b = sums[3 * step] - sums[4 * step];
  to[0] = sums[0] + even_a + even_b;
  to[to_step] = scaled(A1 * odd_a, B1, odd_b);
  to[2 * to_step] = scaled(scaled(sums[5 * step], A2, even_a), B2, even_b);
}
#else
// The points 0, 1, -1 and infinity.
static inline void transform_source(const floatv* x, int step, floatv* to, int to_step) {
  to[0] = x[0] - x[2 * step];
  to[to_step] = x[2 * step] + x[step];
  to[2 * to_step] = x[2 * step] - x[step];
  to[3 * to_step] = x[3 * step] - x[step];
}

static inline void transform_filter(const floatv* w, int step, floatv* to) {
  const floatv even = w[0] + w[2 * step];
  to[0] = w[0];
  to[1] = (even + w[step]) * 0.5f;
  to[2] = (even - w[step]) * 0.5f;
  to[3] = w[2 * step];
}

static inline void transform_results(const floatv* m, int step, floatv* to, int to_step) {
  to[0] = m[0] + m[step] + m[2 * step];
  to[to_step] = m[step] - m[2 * step] + m[3 * step];
}

static inline void transform_gradient(const floatv* dy, int step, floatv* to, int to_step) {
  to[0] = dy[0];
  to[to_step] = (dy[0] + dy[step]) * 0.5f;
  to[2 * to_step] = (dy[0] - dy[step]) * 0.5f;
  to[3 * to_step] = dy[step];
}

static inline void transform_weights(const floatv* sums, int step, floatv* to, int to_step) {
  const floatv even = sums[step] + sums[2 * step];
  to[0] = sums[0] + even;
  to[to_step] = sums[step] - sums[2 * step];
  to[2 * to_step] = even + sums[3 * step];
}
#endif

static inline bool is_inside(int h, int w, int H, int W) { return h >= 0 && h < H && w >= 0 && w < W; }

// transformed[position] of V channels, `count` of them there, of the tile of x [H,W,C] whose first pixel
// is (h, w): zeros outside of x.
static inline void transform_tile(__global const float* restrict x, int h, int w, int H, int W, int C,
                                  int count, __global float* restrict transformed, int position) {
  const floatv zero = (floatv)(0.0f);
  floatv pixels[POSITIONS], rows[POSITIONS], values[EDGE];
  if (count >= V) {
    UNROLL(POSITIONS)
    for (int i = 0; i < POSITIONS; ++i)
      pixels[i] = is_inside(h + i / EDGE, w + i % EDGE, H, W)
                      ? LOAD(x + ((size_t)(h + i / EDGE) * W + w + i % EDGE) * C) : zero;
  } else {
    floatv ragged[POSITIONS];  // of its own, so that the other way's pixels stay in registers
    for (int i = 0; i < POSITIONS; ++i)
      ragged[i] = is_inside(h + i / EDGE, w + i % EDGE, H, W)
                      ? load_first(x + ((size_t)(h + i / EDGE) * W + w + i % EDGE) * C, count, 0.0f)
                      : zero;
    UNROLL(POSITIONS)
    for (int i = 0; i < POSITIONS; ++i) pixels[i] = ragged[i];
  }
  UNROLL(EDGE)
  for (int s = 0; s < EDGE; ++s) transform_source(pixels + s, EDGE, rows + s, EDGE);
  UNROLL(EDGE)
  for (int r = 0; r < EDGE; ++r) {
    transform_source(rows + r * EDGE, 1, values, 1);
    UNROLL(EDGE)
    for (int s = 0; s < EDGE; ++s) STORE(values[s], transformed + (r * EDGE + s) * position);
  }
}

// transformed[position] of V channels, `count` of them there, of the tile of dy [P,Q,K] whose first
// pixel is (p, q): zeros outside of dy.
static inline void transform_gradient_tile(__global const float* restrict dy, int p, int q, int P,
                                           int Q, int K, int count,
                                           __global float* restrict transformed, int position) {
  floatv pixels[RESULTS * RESULTS], rows[EDGE * RESULTS], values[EDGE];
  UNROLL(RESULTS)
  for (int r = 0; r < RESULTS; ++r)
    UNROLL(RESULTS)
    for (int s = 0; s < RESULTS; ++s)
      pixels[r * RESULTS + s] = p + r < P && q + s < Q
                                    ? load_lanes(dy + ((size_t)(p + r) * Q + q + s) * K, count)
                                    : (floatv)(0.0f);
  UNROLL(RESULTS)
  for (int s = 0; s < RESULTS; ++s) transform_gradient(pixels + s, RESULTS, rows + s, RESULTS);
  UNROLL(EDGE)
  for (int r = 0; r < EDGE; ++r) {
    transform_gradient(rows + r * RESULTS, 1, values, 1);
    UNROLL(EDGE)
    for (int s = 0; s < EDGE; ++s) STORE(values[s], transformed + (r * EDGE + s) * position);
  }
}

// transformed[position] of V filters' 9 weights.
static inline void transform_taps(const floatv* filter, __global float* restrict transformed,
                                  size_t position) {
  floatv rows[3 * EDGE], values[EDGE];
  UNROLL(3)
  for (int s = 0; s < 3; ++s) transform_filter(filter + s, 3, rows + s * EDGE);
  UNROLL(EDGE)
  for (int r = 0; r < EDGE; ++r) {
    transform_filter(rows + r, EDGE, values);
    UNROLL(EDGE)
    for (int s = 0; s < EDGE; ++s) STORE(values[s], transformed + (r * EDGE + s) * position);
  }
}

static inline void store_result(floatv value, __global float* y, int count) {
  store_lanes(value, y, count);
}

// The results at (p, q) and behind of V channels, the first at y[at], from products[position].
static inline void finish_tile(__global const float* restrict products, int position, floatv bias,
                               __global float* restrict y, size_t at, int p, int q, int P, int Q,
                               int outs, int count, EPILOGUE) {
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
        const size_t to = at + ((size_t)(p + r) * Q + q + s) * outs;
        store_result(finished(results[s] + bias, to, count, EPILOGUE_ARGUMENTS), y + to, count);
      }
  }
}

// The 9 weights, C apart, of V channels, `count` of them there, from their sums at each position.
// Where `adds`, they are added to what is there.
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

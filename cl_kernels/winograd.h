// What the kernels of Winograd's algorithm share: the points and the transform of tiles of EDGE x EDGE
// pixels, which give RESULTS x RESULTS results.
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

// One dimension of the transform: reads and writes elements so many apart.
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
#else
// The points 0, 1, -1 and infinity.
static inline void transform_source(const floatv* x, int step, floatv* to, int to_step) {
  to[0] = x[0] - x[2 * step];
  to[to_step] = x[2 * step] + x[step];
  to[2 * to_step] = x[2 * step] - x[step];
  to[3 * to_step] = x[3 * step] - x[step];
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

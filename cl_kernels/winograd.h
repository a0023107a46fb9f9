// What the kernels of Winograd's algorithm share: its points and the transform of 6x6 tiles. The points
// 0, +-3/4, +-3/2 and infinity lose less than a digit, the usual 0, +-1, +-2 more than one.

#define POSITIONS 36

// The points A and B, their squares and cubes.
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

static inline floatv scaled(floatv sum, float factor, floatv value) {
  return MULTIPLY_ADD((floatv)(factor), value, sum);
}

// One dimension of the transform: reads and writes elements so many apart.
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

static inline bool is_inside(int h, int w, int H, int W) { return h >= 0 && h < H && w >= 0 && w < W; }

// transformed[position] of V channels, `count` of them there, of the tile of x [H,W,C] whose first pixel
// is (h, w): zeros outside of x.
static inline void transform_tile(__global const float* restrict x, int h, int w, int H, int W, int C,
                                  int count, __global float* restrict transformed, int position) {
  const floatv zero = (floatv)(0.0f);
  floatv pixels[36], rows[36], values[6];
  if (count >= V) {
    UNROLL(36)
    for (int i = 0; i < 36; ++i)
      pixels[i] = is_inside(h + i / 6, w + i % 6, H, W)
                      ? LOAD(x + ((size_t)(h + i / 6) * W + w + i % 6) * C) : zero;
  } else {
    floatv ragged[36];  // of its own, so that the other way's pixels stay in registers
    for (int i = 0; i < 36; ++i)
      ragged[i] = is_inside(h + i / 6, w + i % 6, H, W)
                      ? load_first(x + ((size_t)(h + i / 6) * W + w + i % 6) * C, count, 0.0f) : zero;
    UNROLL(36)
    for (int i = 0; i < 36; ++i) pixels[i] = ragged[i];
  }
  UNROLL(6)
  for (int s = 0; s < 6; ++s) transform_source(pixels + s, 6, rows + s, 6);
  UNROLL(6)
  for (int r = 0; r < 6; ++r) {
    transform_source(rows + r * 6, 1, values, 1);
    UNROLL(6)
    for (int s = 0; s < 6; ++s) STORE(values[s], transformed + (r * 6 + s) * position);
  }
}

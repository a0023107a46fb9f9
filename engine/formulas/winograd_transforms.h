// The one-dimensional transforms of Winograd's algorithm, for the kernels and for the CPU backend
// alike: RESULTS (2 or 4) results of a filter of 3 taps from RESULTS + 2 pixels, or the gradient of
// the taps. Each position of what is transformed is a point at which polynomials are multiplied,
// the last one infinity.
//
// Each reads and writes elements so many apart. Who includes this defines TRANSFORM, what stands
// before a function, and scaled(sum, factor, value), which is sum + factor * value for vectors
// floatv.

#if RESULTS == 4
// The points 0, +-3/4, +-3/2 and infinity lose less than a digit, the usual 0, +-1, +-2 more than
// one. A and B, their squares and cubes.
#define A1 0.75f
#define A2 0.5625f
#define A3 0.421875f
#define B1 1.5f
#define B2 2.25f
#define B3 3.375f
// The divisors of filter rows: for each point, the product of its distances to the others.
#define DIVISOR_0 (A2 * B2)
#define DIVISOR_A (2.0f * A2 * (A2 - B2))
#define DIVISOR_B (2.0f * B2 * (B2 - A2))

// 6 pixels.
TRANSFORM void transform_source(const floatv* x, int step, floatv* to, int to_step) {
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

// 3 taps.
TRANSFORM void transform_filter(const floatv* w, int step, floatv* to, int to_step) {
  const floatv even_a = scaled(w[0], A2, w[2 * step]), odd_a = A1 * w[step];
  const floatv even_b = scaled(w[0], B2, w[2 * step]), odd_b = B1 * w[step];
  to[0] = w[0] * (1.0f / DIVISOR_0);
  to[to_step] = (even_a + odd_a) * (1.0f / DIVISOR_A);
  to[2 * to_step] = (even_a - odd_a) * (1.0f / DIVISOR_A);
  to[3 * to_step] = (even_b + odd_b) * (1.0f / DIVISOR_B);
  to[4 * to_step] = (even_b - odd_b) * (1.0f / DIVISOR_B);
  to[5 * to_step] = w[2 * step];
}

// 6 products into 4 results.
TRANSFORM void transform_results(const floatv* m, int step, floatv* to, int to_step) {
  const floatv even_a = m[step] + m[2 * step], odd_a = m[step] - m[2 * step];
  const floatv even_b = m[3 * step] + m[4 * step], odd_b = m[3 * step] - m[4 * step];
  to[0] = m[0] + even_a + even_b;
  to[to_step] = scaled(A1 * odd_a, B1, odd_b);
  to[2 * to_step] = scaled(A2 * even_a, B2, even_b);
  to[3 * to_step] = scaled(scaled(m[5 * step], A3, odd_a), B3, odd_b);
}

// 4 elements of dy.
TRANSFORM void transform_gradient(const floatv* dy, int step, floatv* to, int to_step) {
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

// 6 sums of products into the gradient of 3 taps.
TRANSFORM void transform_weights(const floatv* sums, int step, floatv* to, int to_step) {
  const floatv even_a = sums[step] + sums[2 * step], odd_a = sums[step] - sums[2 * step];
  const floatv even_b = sums[3 * step] + sums[4 * step], odd_b = sums[3 * step] - sums[4 * step];
  to[0] = sums[0] + even_a + even_b;
  to[to_step] = scaled(A1 * odd_a, B1, odd_b);
  to[2 * to_step] = scaled(scaled(sums[5 * step], A2, even_a), B2, even_b);
}

#undef A1
#undef A2
#undef A3
#undef B1
#undef B2
#undef B3
#undef DIVISOR_0
#undef DIVISOR_A
#undef DIVISOR_B
#else
// The points 0, 1, -1 and infinity. 4 pixels.
TRANSFORM void transform_source(const floatv* x, int step, floatv* to, int to_step) {
  to[0] = x[0] - x[2 * step];
  to[to_step] = x[2 * step] + x[step];
  to[2 * to_step] = x[2 * step] - x[step];
  to[3 * to_step] = x[3 * step] - x[step];
}

// 3 taps.
TRANSFORM void transform_filter(const floatv* w, int step, floatv* to, int to_step) {
  const floatv even = w[0] + w[2 * step];
  to[0] = w[0];
  to[to_step] = (even + w[step]) * 0.5f;
  to[2 * to_step] = (even - w[step]) * 0.5f;
  to[3 * to_step] = w[2 * step];
}

// 4 products into 2 results.
TRANSFORM void transform_results(const floatv* m, int step, floatv* to, int to_step) {
  to[0] = m[0] + m[step] + m[2 * step];
  to[to_step] = m[step] - m[2 * step] + m[3 * step];
}

// 2 elements of dy.
TRANSFORM void transform_gradient(const floatv* dy, int step, floatv* to, int to_step) {
  to[0] = dy[0];
  to[to_step] = (dy[0] + dy[step]) * 0.5f;
  to[2 * to_step] = (dy[0] - dy[step]) * 0.5f;
  to[3 * to_step] = dy[step];
}

// 4 sums of products into the gradient of 3 taps.
TRANSFORM void transform_weights(const floatv* sums, int step, floatv* to, int to_step) {
  const floatv even = sums[step] + sums[2 * step];
  to[0] = sums[0] + even;
  to[to_step] = sums[step] - sums[2 * step];
  to[2 * to_step] = even + sums[3 * step];
}
#endif

// Elements chosen by indices: y[o,i,n] = x[o,a,n] with a = index[o*outer_step + i*step +
// n*inner_step], for x [outer,A,inner] and y [outer,I,inner]; the gradient in x; one-hot vectors.
// Columns n are shared out in segments.
#include "common.h"

// An item is a segment of a row of y.
__kernel GROUP void gather(__global const float* restrict x, __global const int* restrict index,
                           __global float* restrict y, int A, int inner, int I, int outer_step,
                           int step, int inner_step, int segment, int items, int chunk) {
  const int segments = (inner + segment - 1) / segment;
  FOR_ITEMS(item) {
    const int row = item / segments, first = item % segments * segment;
    const int outer = row / I, end = min(first + segment, inner);
    __global const int* chosen = index + (size_t)outer * outer_step + (size_t)(row % I) * step;
    __global const float* from = x + (size_t)outer * A * inner;
    for (int n = first; n < end; ++n) {
      const int a = chosen[(size_t)n * inner_step];
      y[(size_t)row * inner + n] = a >= 0 && a < A ? from[(size_t)a * inner + n] : NAN;
    }
  }
}

// An item is a segment of `rows` rows of dx, for which it looks at every index, in order.
__kernel GROUP void gather_dx(__global const int* restrict index, __global const float* restrict dy,
                              __global float* restrict dx, int A, int inner, int I, int outer_step,
                              int step, int inner_step, int segment, int rows, int items,
                              int chunk) {
  const int segments = (inner + segment - 1) / segment, blocks = (A + rows - 1) / rows;
  FOR_ITEMS(item) {
    const int first = item % segments * segment, end = min(first + segment, inner);
    const int begin = item / segments % blocks * rows, outer = item / segments / blocks;
    const int count = min(rows, A - begin);
    __global const int* chosen = index + (size_t)outer * outer_step;
    __global const float* from = dy + (size_t)outer * I * inner;
    __global float* to = dx + ((size_t)outer * A + begin) * inner;
    for (int row = 0; row < count; ++row)
      for (int n = first; n < end; ++n) to[(size_t)row * inner + n] = 0.0f;
    for (int i = 0; i < I; ++i, chosen += step, from += inner) {
      if (inner_step == 0) {
        const int row = *chosen - begin;
        if (row < 0 || row >= count) continue;
        for (int n = first; n < end; ++n) to[(size_t)row * inner + n] += from[n];
      } else {
        for (int n = first; n < end; ++n) {
          const int row = chosen[n] - begin;
          if (row >= 0 && row < count) to[(size_t)row * inner + n] += from[n];
        }
      }
    }
  }
}

// An item is one element of y.
__kernel GROUP void one_hot(__global const int* restrict index, __global float* restrict y, int K,
                            int items, int chunk) {
  FOR_ITEMS(i) { y[i] = index[i / K] == i % K ? 1.0f : 0.0f; }
}

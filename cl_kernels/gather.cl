// Elements chosen by indices: y[o,i,n] = x[o,a,n] with a = index[o*outer_step + i*step +
// n*inner_step], for x [outer,A,inner] and y [outer,I,inner]; the gradient in x; one-hot vectors.
// Columns n are split into segments.
#include "common.h"
#include "gather_params.h"

// A work-item computes a segment of a row of y.
__kernel GROUP void gather(__global const float* restrict x, __global const int* restrict index,
                           __global float* restrict y, const GatherParams args, int items,
                           int chunk) {
  const int A = args.A, I = args.I;
  const int segments = (args.inner - 1) / args.segment + 1;
  FOR_ITEMS(item) {
    const int row = item / segments, first = item % segments * args.segment;
    const int outer = row / I, end = min(first + args.segment, args.inner);
    __global const int* chosen =
        index + (size_t)outer * args.outer_step + (size_t)(row % I) * args.step;
    __global const float* from = x + (size_t)outer * A * args.inner;
    for (int n = first; n < end; ++n) {
      const int a = chosen[(size_t)n * args.inner_step];
      y[(size_t)row * args.inner + n] = a >= 0 && a < A ? from[(size_t)a * args.inner + n] : NAN;
    }
  }
}

// A work-item computes a segment of `rows` rows of dx, for which it reads every index, in order.
__kernel GROUP void gather_dx(__global const int* restrict index, __global const float* restrict dy,
                              __global float* restrict dx, const GatherParams args, int items,
                              int chunk) {
  const int A = args.A, I = args.I;
  const int segments = (args.inner - 1) / args.segment + 1,
            blocks = (A + args.rows - 1) / args.rows;
  FOR_ITEMS(item) {
    const int first = item % segments * args.segment, end = min(first + args.segment, args.inner);
    const int begin = item / segments % blocks * args.rows, outer = item / segments / blocks;
    const int count = min(args.rows, A - begin);
    __global const int* chosen = index + (size_t)outer * args.outer_step;
    __global const float* from = dy + (size_t)outer * I * args.inner;
    __global float* to = dx + ((size_t)outer * A + begin) * args.inner;
    for (int row = 0; row < count; ++row)
      for (int n = first; n < end; ++n) to[(size_t)row * args.inner + n] = 0.0f;
    for (int i = 0; i < I; ++i, chosen += args.step, from += args.inner) {
      if (args.inner_step == 0) {
        const int row = *chosen - begin;
        if (row < 0 || row >= count) continue;
        for (int n = first; n < end; ++n) to[(size_t)row * args.inner + n] += from[n];
      } else {
        for (int n = first; n < end; ++n) {
          const int row = chosen[n] - begin;
          if (row >= 0 && row < count) to[(size_t)row * args.inner + n] += from[n];
        }
      }
    }
  }
}

// A work-item computes one element of y.
__kernel GROUP void one_hot(__global const int* restrict index, __global float* restrict y, int K,
                            int items, int chunk) {
  FOR_ITEMS(i) { y[i] = index[i / K] == i % K ? 1.0f : 0.0f; }
}

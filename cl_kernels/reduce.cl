// Reductions of one row of the table over the middle dimension of x [outer, reduce, inner], in
// `parts` pieces of `length` rows: y [outer, parts, inner]. The host combines the pieces with a
// second launch of the same kernel. The first launch makes terms, the last one finishes; n is the
// number of terms. The order of the operations depends on the shape only.
#include "common.h"
#include "reduction_functions.h"

static inline floatv term(floatv x, int first) { return first ? TERM(x) : x; }

// An item is V columns of one piece. Vectors may reach into the next row, never past x.
__kernel GROUP void reduce_columns(__global const float* restrict x, __global float* restrict y,
                                   int reduce, int inner, int parts, int length, int elements,
                                   int first, int last, float n, int items, int chunk) {
  const int vectors = (inner + V - 1) / V;
  FOR_ITEMS(i) {
    const int column = i % vectors * V, part = i / vectors % parts, outer = i / vectors / parts;
    const int begin = part * length, end = min(begin + length, reduce);
    const size_t base = (size_t)outer * reduce * inner + column;
    // The rows from `whole` on have fewer than V elements left in x.
    const long room = ((long)elements - V - (long)base) / inner + 1;
    const int whole =
        (long)elements - V < (long)base ? begin : (int)clamp(room, (long)begin, (long)end);
    floatv all = IDENTITY();
    int row = begin;
    while (row + 4 <= whole) {
      const int stop = min(row + BLOCK, whole);
      floatv sums[4];
      UNROLL(4)
      for (int k = 0; k < 4; ++k) sums[k] = IDENTITY();
      for (; row + 4 <= stop; row += 4) {
        UNROLL(4)
        for (int k = 0; k < 4; ++k)
          sums[k] = COMBINE(sums[k], term(LOAD(x + base + (size_t)(row + k) * inner), first));
      }
      all = COMBINE(all, COMBINE(COMBINE(sums[0], sums[1]), COMBINE(sums[2], sums[3])));
    }
    for (; row < end; ++row) {
      const floatv value =
          load_lanes(x + base + (size_t)row * inner, row < whole ? V : inner - column);
      all = COMBINE(all, term(value, first));
    }
    store_lanes(finish(all, last, n), y + ((size_t)outer * parts + part) * inner + column,
                inner - column);
  }
}

// For inner = 1: an item is one piece, read V elements at a time.
__kernel GROUP void reduce_rows(__global const float* restrict x, __global float* restrict y,
                                int reduce, int parts, int length, int first, int last, float n,
                                int items, int chunk) {
  FOR_ITEMS(i) {
    const int part = i % parts, outer = i / parts;
    const int begin = part * length, end = min(begin + length, reduce);
    __global const float* row = x + (size_t)outer * reduce;
    floatv sums = IDENTITY();
    int k = begin;
    while (k + V <= end) {
      const int stop = min(k + BLOCK * V, end);
      floatv block = IDENTITY();
      for (; k + V <= stop; k += V) block = COMBINE(block, term(LOAD(row + k), first));
      sums = COMBINE(sums, block);
    }
    if (k < end) {
      float rest[V];
      STORE(IDENTITY(), rest);
      for (int lane = 0; lane < end - k; ++lane) rest[lane] = row[k + lane];
      sums = COMBINE(sums, term(LOAD(rest), first));
    }
    store_lanes(finish(across(sums), last, n), y + i, 1);
  }
}

// argmax (sign = 1) and argmin (sign = -1): an item is one element of y.
__kernel GROUP void reduce_place(__global const float* restrict x, __global int* restrict y,
                                 int reduce, int inner, float sign, int items, int chunk) {
  FOR_ITEMS(i) {
    __global const float* from = x + (size_t)(i / inner) * reduce * inner + i % inner;
    float best = sign * from[0];
    int place = 0;
    for (int row = 1; row < reduce && best == best; ++row) {
      const float value = sign * from[(size_t)row * inner];
      if (value > best || value != value) {
        best = value;
        place = row;
      }
    }
    y[i] = place;
  }
}

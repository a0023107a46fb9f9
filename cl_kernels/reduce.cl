// Reductions of one row of the table over the middle dimension of x [outer, reduce, inner], in
// `parts` pieces of `length` rows: y [outer, parts, inner]. The host combines the pieces with a
// second launch of the same kernel. The first launch makes terms, the last one finishes; n is the
// number of terms. The order of the operations depends on the shape only.
#include "common.h"
#include "reduce_params.h"
#include "reduction_functions.h"

static inline floatv term(floatv x, int first) { return first ? TERM(x) : x; }

// A work-item computes V columns of one piece. Vectors may extend into the next row, never past x.
__kernel GROUP void reduce_columns(__global const float* restrict x, __global float* restrict y,
                                   const ReduceParams args, int items, int chunk) {
  const int vectors = (args.inner + V - 1) / V;
  FOR_ITEMS(i) {
    const int column = i % vectors * V, part = i / vectors % args.parts,
              outer = i / vectors / args.parts;
    const int begin = part * args.length, end = min(begin + args.length, args.reduce);
    const size_t base = (size_t)outer * args.reduce * args.inner + column;
    // The rows from `whole` on have fewer than V elements left in x.
    const long room = ((long)args.elements - V - (long)base) / args.inner + 1;
    const int whole =
        (long)args.elements - V < (long)base ? begin : (int)clamp(room, (long)begin, (long)end);
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
          sums[k] =
              COMBINE(sums[k], term(LOAD(x + base + (size_t)(row + k) * args.inner), args.first));
      }
      all = COMBINE(all, COMBINE(COMBINE(sums[0], sums[1]), COMBINE(sums[2], sums[3])));
    }
    for (; row < end; ++row) {
      const floatv value =
          load_lanes(x + base + (size_t)row * args.inner, row < whole ? V : args.inner - column);
      all = COMBINE(all, term(value, args.first));
    }
    store_lanes(finish(all, args.last, args.n),
                y + ((size_t)outer * args.parts + part) * args.inner + column, args.inner - column);
  }
}

// For inner = 1: a work-item computes one piece, read V elements at a time.
__kernel GROUP void reduce_rows(__global const float* restrict x, __global float* restrict y,
                                const ReduceParams args, int items, int chunk) {
  FOR_ITEMS(i) {
    const int part = i % args.parts, outer = i / args.parts;
    const int begin = part * args.length, end = min(begin + args.length, args.reduce);
    __global const float* row = x + (size_t)outer * args.reduce;
    floatv sums = IDENTITY();
    int k = begin;
    while (k + V <= end) {
      const int stop = min(k + BLOCK * V, end);
      floatv block = IDENTITY();
      for (; k + V <= stop; k += V) block = COMBINE(block, term(LOAD(row + k), args.first));
      sums = COMBINE(sums, block);
    }
    if (k < end) {
      float rest[V];
      STORE(IDENTITY(), rest);
      for (int lane = 0; lane < end - k; ++lane) rest[lane] = row[k + lane];
      sums = COMBINE(sums, term(LOAD(rest), args.first));
    }
    store_lanes(finish(across(sums), args.last, args.n), y + i, 1);
  }
}

// argmax (sign = 1) and argmin (sign = -1): a work-item computes one element of y.
__kernel GROUP void reduce_place(__global const float* restrict x, __global int* restrict y,
                                 const ReducePlaceParams args, int items, int chunk) {
  FOR_ITEMS(i) {
    __global const float* from =
        x + (size_t)(i / args.inner) * args.reduce * args.inner + i % args.inner;
    float best = args.sign * from[0];
    int place = 0;
    for (int row = 1; row < args.reduce && best == best; ++row) {
      const float value = args.sign * from[(size_t)row * args.inner];
      if (value > best || value != value) {
        best = value;
        place = row;
      }
    }
    y[i] = place;
  }
}

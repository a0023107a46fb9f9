// Fused groups of elementwise ops, with an optional reduction of the last one. Elements are [outer,
// middle, inner]; a work-item computes a vector of V inner ones, or partial results of a reduction.
// The inputs are in global memory, intermediate results in registers.
#include "chain_params.h"
#include "common.h"
#include "formula_functions.h"
#include "reduction_functions.h"

#ifndef PROGRAM
#define PROGRAM /* the steps, in order */     \
  STEP(t0, row_mul_y(x0, x1, x0, 0.0f, 0.0f)) \
  STEP(t1, row_add_y(t0, x2, x0, 0.0f, 0.0f))
#endif
#ifndef RESULT
#define RESULT t1  // the last of them
#endif
#ifndef COLUMNS
#define COLUMNS 4  // vectors per work-item if it reduces the middle dimension: 1 on GPUs; several
#endif             // on CPUs, so that adjacent memory is read together
#ifndef REDUCES
#define REDUCES 0  // 1: the middle dimension, 2: the inner one
#endif

#define STEP(name, value) const floatv name = value;

// `table` has the strides of each input along the dimensions, 0 if it is repeated.
#define PARAMETERS                                                            \
  __global const float* restrict x0_, __global const float* restrict x1_,     \
      __global const float* restrict x2_, __global const float* restrict x3_, \
      __global const float* restrict x4_, __global const float* restrict x5_, \
      __global const int* restrict table

// For all inputs; unused inputs cost nothing.
#define EACH(f) f(0) f(1) f(2) f(3) f(4) f(5)
// The offset of an input's element, and whether the next elements are at other offsets.
#define LOCATE(k)                                                        \
  const int next_row##k = table[3 * k + 1], step##k = table[3 * k + 2];  \
  __global const float* at##k = x##k##_ + (size_t)outer * table[3 * k] + \
                                (size_t)row * next_row##k + (size_t)column * step##k;
#define NEXT_ROW(k) at##k += next_row##k;
// `count` elements of the vector that starts `offset` elements further.
#define READ(k) const floatv x##k = step##k ? load_lanes(at##k + offset, count) : (floatv)(*at##k);

#if REDUCES == 0

__kernel GROUP void chain(PARAMETERS, __global float* restrict y, const ChainParams args, int items,
                          int chunk) {
  const int vectors = (args.inner + V - 1) / V, column = 0;
  int i = (int)get_global_id(0) * chunk;
  const int end = min(i + chunk, items);
  while (i < end) {  // row by row, as far as there are several in the chunk
    const int first = i % vectors, outer = i / vectors / args.middle,
              row = i / vectors % args.middle;
    EACH(LOCATE)
    __global float* to = y + ((size_t)outer * args.middle + row) * args.inner;
    const int stop = min(end, i - first + vectors);
    for (int offset = first * V; i < stop; ++i, offset += V) {
      const int count = args.inner - offset;
      EACH(READ)
      PROGRAM
      store_lanes(RESULT, to + offset, count);
    }
  }
}

#elif REDUCES == 1

// Rows in `parts` pieces of `length`: y [outer, parts, inner]. A work-item computes COLUMNS vectors
// of one piece.
__kernel GROUP void chain(PARAMETERS, __global float* restrict y, const ChainParams args, int items,
                          int chunk) {
  const int groups = (args.inner + COLUMNS * V - 1) / (COLUMNS * V);
  FOR_ITEMS(i) {
    const int column = i % groups * COLUMNS * V, part = i / groups % args.parts;
    const int outer = i / groups / args.parts, begin = part * args.length,
              end = min(begin + args.length, args.middle);
    floatv all[COLUMNS];
    UNROLL(COLUMNS)
    for (int v = 0; v < COLUMNS; ++v) all[v] = IDENTITY();
    int row = begin;
    EACH(LOCATE)
    while (row < end) {
      const int stop = min(row + BLOCK, end);
      floatv block[COLUMNS];
      UNROLL(COLUMNS)
      for (int v = 0; v < COLUMNS; ++v) block[v] = IDENTITY();
      for (; row < stop; ++row) {
        UNROLL(COLUMNS)
        for (int v = 0; v < COLUMNS; ++v) {
          const int offset = v * V, count = args.inner - column - offset;
          if (count > 0) {
            EACH(READ)
            PROGRAM
            block[v] = COMBINE(block[v], TERM(RESULT));
          }
        }
        EACH(NEXT_ROW)
      }
      UNROLL(COLUMNS)
      for (int v = 0; v < COLUMNS; ++v) all[v] = COMBINE(all[v], block[v]);
    }
    __global float* to = y + ((size_t)outer * args.parts + part) * args.inner + column;
    UNROLL(COLUMNS)
    for (int v = 0; v < COLUMNS; ++v)
      store_lanes(finish(all[v], args.last, args.n), to + v * V, args.inner - column - v * V);
  }
}

#else

// Columns in `parts` pieces of `length`: y [outer, middle, parts]. A work-item computes one piece
// of a row.
__kernel GROUP void chain(PARAMETERS, __global float* restrict y, const ChainParams args, int items,
                          int chunk) {
  FOR_ITEMS(i) {
    const int column = i % args.parts * args.length, outer = i / args.parts / args.middle,
              row = i / args.parts % args.middle;
    const int elements = min(args.length, args.inner - column);
    EACH(LOCATE)
    floatv all = IDENTITY();
    for (int offset = 0; offset < elements;) {
      const int stop = min(offset + BLOCK * V, elements);
      floatv block = IDENTITY();
      for (; offset < stop; offset += V) {
        const int count = elements - offset;
        EACH(READ)
        PROGRAM
        const floatv term = TERM(RESULT);
        block = COMBINE(block, count >= V ? term : first_lanes(term, count, IDENTITY()));
      }
      all = COMBINE(all, block);
    }
    store_lanes(finish(across(all), args.last, args.n), y + i, 1);
  }
}

#endif

// Sums over the middle dimension of x [outer, reduce, inner], in `parts` pieces of `length` rows:
// y [outer, parts, inner]. The host sums the pieces with a second launch of the same kernel. The
// order of the additions depends on the shape only.
#include "common.h"

// An item is V columns of one piece. Vectors may reach into the next row, never past x.
__kernel GROUP void sum_columns(__global const float* restrict x, __global float* restrict y,
                                int reduce, int inner, int parts, int length, int elements,
                                int items, int chunk) {
  const int vectors = (inner + V - 1) / V;
  FOR_ITEMS(i) {
    const int column = i % vectors * V, part = i / vectors % parts, outer = i / vectors / parts;
    const int begin = part * length, end = min(begin + length, reduce);
    const size_t base = (size_t)outer * reduce * inner + column;
    // The rows from `whole` on have fewer than V elements left in x.
    const long room = ((long)elements - V - (long)base) / inner + 1;
    const int whole = (long)elements - V < (long)base ? begin : (int)clamp(room, (long)begin, (long)end);
    floatv sums[4];
    UNROLL(4)
    for (int k = 0; k < 4; ++k) sums[k] = (floatv)(0.0f);
    int row = begin;
    for (; row + 4 <= whole; row += 4) {
      UNROLL(4)
      for (int k = 0; k < 4; ++k) sums[k] += LOAD(x + base + (size_t)(row + k) * inner);
    }
    for (; row < end; ++row)
      sums[0] += load_lanes(x + base + (size_t)row * inner, row < whole ? V : inner - column);
    store_lanes((sums[0] + sums[1]) + (sums[2] + sums[3]),
                y + ((size_t)outer * parts + part) * inner + column, inner - column);
  }
}

// For inner = 1: an item is one piece, read V elements at a time.
__kernel GROUP void sum_rows(__global const float* restrict x, __global float* restrict y,
                             int reduce, int parts, int length, int items, int chunk) {
  FOR_ITEMS(i) {
    const int part = i % parts, outer = i / parts;
    const int begin = part * length, end = min(begin + length, reduce);
    __global const float* row = x + (size_t)outer * reduce;
    floatv sums = (floatv)(0.0f);
    int k = begin;
    for (; k + V <= end; k += V) sums += LOAD(row + k);
    if (k < end) sums += load_lanes(row + k, end - k);
    y[i] = lane_sum(sums);
  }
}

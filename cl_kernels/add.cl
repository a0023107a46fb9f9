// y = a + b with broadcasting. The dimensions are collapsed by the host: `table` holds for each
// but the last its size and the strides of a and b (0 where repeated), and the last has the steps
// a_step and b_step (0 or 1). An item is a vector of V elements of the last dimension.
#include "common.h"

__kernel GROUP void add(__global const float* restrict a, __global const float* restrict b,
                        __global float* restrict y, __global const int* restrict table, int rank,
                        int inner, int a_step, int b_step, int items, int chunk) {
  const int vectors = (inner + V - 1) / V;
  FOR_ITEMS(i) {
    const int row = i / vectors, column = i % vectors * V;
    const int count = inner - column;
    size_t a_index = (size_t)column * a_step, b_index = (size_t)column * b_step;
    int rest = row;
    for (int d = rank - 1; d >= 0; --d) {
      const int size = table[3 * d];
      a_index += (size_t)(rest % size) * table[3 * d + 1];
      b_index += (size_t)(rest % size) * table[3 * d + 2];
      rest /= size;
    }
    const floatv left = a_step ? load_lanes(a + a_index, count) : (floatv)(a[a_index]);
    const floatv right = b_step ? load_lanes(b + b_index, count) : (floatv)(b[b_index]);
    store_lanes(left + right, y + (size_t)row * inner + column, count);
  }
}

// The smallest kernel that shows whether a device builds and runs one: y[i] = 2 x[i] + 1.
#include "common.h"

__kernel GROUP void probe(__global const float* restrict x, __global float* restrict y, int items,
                          int chunk) {
  FOR_ITEMS(i) { y[i] = MULTIPLY_ADD(x[i], 2.0f, 1.0f); }
}

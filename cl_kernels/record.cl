// history[counter mod size] = x, counter = counter + 1; one work-item.
#include "common.h"

__kernel GROUP void record(__global const float* restrict x, __global float* restrict history,
                           __global int* restrict counter, int size) {
  if (get_global_id(0) == 0) {
    const uint count = (uint)counter[0];
    history[count % (uint)size] = x[0];
    counter[0] = (int)(count + 1);
  }
}

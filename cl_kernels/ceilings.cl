// Measures the ceilings of a device: multiply-adds, memory, launches. Only `tessera profile` runs
// these.
//
// multiply_adds: a work-item keeps CHAINS vectors of V lanes in registers and multiplies each
//   `rounds` times; one number is written at the end so that no compiler leaves it out.
// triad: a work-item computes a vector of V elements, c = a + s b.
// nothing: only a launch.
#include "common.h"

#ifndef CHAINS
#define CHAINS 12  // independent vectors: enough to hide the latency of a multiply-add
#endif

__kernel GROUP void multiply_adds(__global float* restrict y, float a, float b, int rounds) {
  floatv x[CHAINS];
  UNROLL(CHAINS)
  for (int i = 0; i < CHAINS; ++i) x[i] = (floatv)((float)get_global_id(0) + (float)i);
  for (int r = 0; r < rounds; ++r) {
    UNROLL(CHAINS)
    for (int i = 0; i < CHAINS; ++i) x[i] = MULTIPLY_ADD(x[i], (floatv)(a), (floatv)(b));
  }
  floatv sum = x[0];
  UNROLL(CHAINS)
  for (int i = 1; i < CHAINS; ++i) sum += x[i];
  y[get_global_id(0)] = lane_sum(sum);
}

__kernel GROUP void triad(__global const float* restrict a, __global const float* restrict b,
                          __global float* restrict c, float s, int items, int chunk) {
  FOR_ITEMS(i) {
    const size_t first = (size_t)i * V;
    STORE(LOAD(a + first) + s * LOAD(b + first), c + first);
  }
}

__kernel GROUP void nothing(__global float* restrict y) {
  if (get_global_id(0) == ~(size_t)0) y[0] = 0.0f;
}

// Softmax, its logarithm and their gradients over rows of K numbers, for GPUs: a work-group
// computes one row, so that its LOCAL work-items access adjacent elements. Maxima and sums are
// combined in local memory, always in the same order.
#include "common.h"

// The sum (or the largest) of the values of all work-items, for each of them. LOCAL is a power of
// 2.
static inline float group_combine(__local float* values, float value, bool largest) {
  const int item = (int)get_local_id(0);
  values[item] = value;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int step = LOCAL / 2; step > 0; step /= 2) {
    if (item < step) {
      const float a = values[item], b = values[item + step];
      values[item] = largest ? fmax(a, b) : a + b;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  const float result = values[0];
  barrier(CLK_LOCAL_MEM_FENCE);
  return result;
}

#define FOR_ROW(k) for (int k = (int)get_local_id(0); k < K; k += LOCAL)

// The largest number of the row x and the sum of exp(x - largest).
static inline float2 exp_total(__global const float* x, int K, __local float* values) {
  float largest = -INFINITY, total = 0.0f;
  FOR_ROW(k) largest = fmax(largest, x[k]);
  largest = group_combine(values, largest, true);
  FOR_ROW(k) total += exp(x[k] - largest);
  return (float2)(largest, group_combine(values, total, false));
}

__kernel GROUP void softmax(__global const float* restrict x, __global float* restrict y, int K) {
  __local float values[LOCAL];
  const size_t row = get_group_id(0) * K;
  const float2 total = exp_total(x + row, K, values);
  FOR_ROW(k) y[row + k] = exp(x[row + k] - total.x) / total.y;
}

__kernel GROUP void log_softmax(__global const float* restrict x, __global float* restrict y,
                                int K) {
  __local float values[LOCAL];
  const size_t row = get_group_id(0) * K;
  const float2 total = exp_total(x + row, K, values);
  const float log_total = log(total.y);
  FOR_ROW(k) y[row + k] = x[row + k] - total.x - log_total;
}

__kernel GROUP void softmax_dx(__global const float* restrict y, __global const float* restrict dy,
                               __global float* restrict dx, int K) {
  __local float values[LOCAL];
  const size_t row = get_group_id(0) * K;
  float total = 0.0f;
  FOR_ROW(k) total += dy[row + k] * y[row + k];
  total = group_combine(values, total, false);
  FOR_ROW(k) dx[row + k] = (dy[row + k] - total) * y[row + k];
}

__kernel GROUP void log_softmax_dx(__global const float* restrict y,
                                   __global const float* restrict dy, __global float* restrict dx,
                                   int K) {
  __local float values[LOCAL];
  const size_t row = get_group_id(0) * K;
  float total = 0.0f;
  FOR_ROW(k) total += dy[row + k];
  total = group_combine(values, total, false);
  FOR_ROW(k) dx[row + k] = dy[row + k] - exp(y[row + k]) * total;
}

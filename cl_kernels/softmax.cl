// Softmax, its logarithm and their gradients over rows of K numbers. A work-item computes one row.
#include "common.h"
#include "softmax_row.h"

__kernel GROUP void softmax(__global const float* restrict x, __global float* restrict y, int K,
                            int items, int chunk) {
  FOR_ITEMS(n) { softmax_row(x + (size_t)n * K, y + (size_t)n * K, K); }
}

__kernel GROUP void log_softmax(__global const float* restrict x_, __global float* restrict y_,
                                int K, int items, int chunk) {
  FOR_ITEMS(n) {
    __global const float* x = x_ + (size_t)n * K;
    __global float* y = y_ + (size_t)n * K;
    const float2 row = exp_row(x, y, K);
    const float log_total = log(row.y);
    for (int k = 0; k < K; k += V)
      store_lanes((load_lanes(x + k, K - k) - row.x) - log_total, y + k, K - k);
  }
}

__kernel GROUP void softmax_dx(__global const float* restrict y_,
                               __global const float* restrict dy_, __global float* restrict dx_,
                               int K, int items, int chunk) {
  FOR_ITEMS(n) {
    __global const float* y = y_ + (size_t)n * K;
    __global const float* dy = dy_ + (size_t)n * K;
    floatv sums = (floatv)(0.0f);
    for (int k = 0; k < K; k += V) sums += load_lanes(dy + k, K - k) * load_lanes(y + k, K - k);
    const float middle = lane_sum(sums);
    for (int k = 0; k < K; k += V)
      store_lanes((load_lanes(dy + k, K - k) - middle) * load_lanes(y + k, K - k),
                  dx_ + (size_t)n * K + k, K - k);
  }
}

__kernel GROUP void log_softmax_dx(__global const float* restrict y_,
                                   __global const float* restrict dy_, __global float* restrict dx_,
                                   int K, int items, int chunk) {
  FOR_ITEMS(n) {
    __global const float* y = y_ + (size_t)n * K;
    __global const float* dy = dy_ + (size_t)n * K;
    floatv sums = (floatv)(0.0f);
    for (int k = 0; k < K; k += V) sums += load_lanes(dy + k, K - k);
    const float factor = lane_sum(sums);
    for (int k = 0; k < K; k += V)
      store_lanes(load_lanes(dy + k, K - k) - exp(load_lanes(y + k, K - k)) * factor,
                  dx_ + (size_t)n * K + k, K - k);
  }
}

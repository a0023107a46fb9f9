// Softmax of each row of logits [N,K], the loss of each row and their mean, and the gradient.
#include "common.h"

// An item is one row. A label outside [0,K) makes the loss NaN.
__kernel GROUP void softmax_rows(__global const float* restrict logits,
                                 __global const int* restrict labels,
                                 __global float* restrict probabilities,
                                 __global float* restrict losses, int K, int items, int chunk) {
  FOR_ITEMS(n) {
    __global const float* x = logits + (size_t)n * K;
    __global float* p = probabilities + (size_t)n * K;
    float largest = x[0];
    for (int k = 1; k < K; ++k) largest = fmax(largest, x[k]);
    floatv sums = (floatv)(0.0f);
    for (int k = 0; k < K; k += V) {
      const int count = K - k;
      const floatv value = count >= V ? LOAD(x + k) : load_first(x + k, count, -INFINITY);
      const floatv power = exp(value - largest);
      sums += power;
      store_lanes(power, p + k, count);
    }
    const float sum = lane_sum(sums);
    for (int k = 0; k < K; k += V) store_lanes(load_lanes(p + k, K - k) / sum, p + k, K - k);
    const int label = labels[n];
    losses[n] = label >= 0 && label < K ? log(sum) - (x[label] - largest) : NAN;
  }
}

// One work-item adds up the losses in order.
__kernel GROUP void loss_mean(__global const float* restrict losses, __global float* restrict loss,
                              int N) {
  if (get_global_id(0) != 0) return;
  float sum = 0.0f;
  for (int n = 0; n < N; ++n) sum += losses[n];
  loss[0] = sum / (float)N;
}

// An item is one row: dx = (p - onehot(label)) * dloss / N.
__kernel GROUP void softmax_cross_entropy_dx(__global const float* restrict probabilities,
                                             __global const int* restrict labels,
                                             __global const float* restrict dloss,
                                             __global float* restrict dx, int K, int N, int items,
                                             int chunk) {
  const float scale = dloss[0] / (float)N;
  FOR_ITEMS(n) {
    const int label = labels[n];
    for (int k = 0; k < K; ++k) {
      const size_t i = (size_t)n * K + k;
      dx[i] = (probabilities[i] - (k == label ? 1.0f : 0.0f)) * scale;
    }
  }
}

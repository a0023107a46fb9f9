// Softmax of each row of logits [N,K], the loss of each row and their mean, and the gradient.
#include "common.h"
#include "softmax_cross_entropy_params.h"
#include "softmax_row.h"

// Writes the probabilities of a row of logits x; returns its loss. A label outside [0,K) returns
// NaN.
static inline float loss_row(__global const float* restrict x, int label,
                             __global float* restrict probabilities, int K) {
  const float2 sum = softmax_row(x, probabilities, K);
  return label >= 0 && label < K ? sum.y - (x[label] - sum.x) : NAN;
}

// A row of dx = (p - onehot(label)) * scale, which may overwrite p.
static inline void dx_row(__global const float* p, int label, float scale, __global float* dx,
                          int K) {
  for (int k = 0; k < K; ++k) dx[k] = (p[k] - (k == label ? 1.0f : 0.0f)) * scale;
}

// A work-item computes one row.
__kernel GROUP void softmax_rows(__global const float* restrict logits,
                                 __global const int* restrict labels,
                                 __global float* restrict probabilities,
                                 __global float* restrict losses, int K, int items, int chunk) {
  FOR_ITEMS(n) {
    const size_t row = (size_t)n * K;
    losses[n] = loss_row(logits + row, labels[n], probabilities + row, K);
  }
}

// The sum of n numbers in order, in blocks first: the rounding errors of long sums stay small.
static inline float sum_of(__global const float* p, int n) {
  float total = 0.0f;
  for (int i = 0; i < n;) {
    float block = 0.0f;
    for (const int stop = min(i + 1024, n); i < stop; ++i) block += p[i];
    total += block;
  }
  return total;
}

// One work-item adds up the losses.
__kernel GROUP void loss_mean(__global const float* restrict losses, __global float* restrict loss,
                              int N) {
  if (get_global_id(0) == 0) loss[0] = sum_of(losses, N) / (float)N;
}

// A work-item computes one row: dx = (p - onehot(label)) * dloss / N.
__kernel GROUP void softmax_cross_entropy_dx(__global const float* restrict probabilities,
                                             __global const int* restrict labels,
                                             __global const float* restrict dloss,
                                             __global float* restrict dx, int K, int N, int items,
                                             int chunk) {
  const float scale = dloss[0] / (float)N;
  FOR_ITEMS(n) {
    const size_t row = (size_t)n * K;
    dx_row(probabilities + row, labels[n], scale, dx + row, K);
  }
}

// Loss and gradient in one kernel; dx temporarily has the probabilities.
static inline float loss_and_dx_row(__global const float* restrict logits,
                                    __global const int* restrict labels, float scale,
                                    __global float* restrict dx, int K, int n) {
  const size_t row = (size_t)n * K;
  const float loss = loss_row(logits + row, labels[n], dx + row, K);
  dx_row(dx + row, labels[n], scale, dx + row, K);
  return loss;
}

// A work-item computes one row.
__kernel GROUP void softmax_and_dx_rows(__global const float* restrict logits,
                                        __global const int* restrict labels,
                                        __global const float* restrict dloss,
                                        __global float* restrict dx,
                                        __global float* restrict losses, int K, int N, int items,
                                        int chunk) {
  FOR_ITEMS(n) losses[n] = loss_and_dx_row(logits, labels, dloss[0] / (float)N, dx, K, n);
}

// For small inputs: one work-group computes all rows, and its first work-item adds up the losses.
__kernel GROUP void softmax_and_dx_group(__global const float* restrict logits,
                                         __global const int* restrict labels,
                                         __global const float* restrict dloss,
                                         __global float* restrict dx, __global float* losses,
                                         __global float* restrict loss, int K, int N) {
  for (int n = get_local_id(0); n < N; n += LOCAL)
    losses[n] = loss_and_dx_row(logits, labels, dloss[0] / (float)N, dx, K, n);
  barrier(CLK_GLOBAL_MEM_FENCE);
  if (get_local_id(0) == 0) loss[0] = sum_of(losses, N) / (float)N;
}

// cross_entropy: the weight of the term -log p[k] in the loss of a row.
static inline float share(__global const int* restrict labels,
                          __global const float* restrict weights, const CrossEntropyParams args,
                          int n, int k) {
  const float target =
      args.has_targets ? as_float(labels[(size_t)n * args.K + k]) : (labels[n] == k ? 1.0f : 0.0f);
  return weights[k] * ((1.0f - args.smoothing) * target + args.each);
}

// Writes the probabilities of a row of their logarithms.
static inline float2 probabilities_row(__global const float* restrict x, __global float* restrict p,
                                       int K) {
  for (int k = 0; k < K; k += V) store_lanes(exp(load_lanes(x + k, K - k)), p + k, K - k);
  return (float2)(0.0f, 0.0f);
}

// A work-item computes one row, which adds divisors[n] to the divisor of the mean.
__kernel GROUP void cross_entropy_rows(__global const float* restrict logits,
                                       __global const int* restrict labels,
                                       __global const float* restrict weights,
                                       const CrossEntropyParams args,
                                       __global float* restrict probabilities,
                                       __global float* restrict losses,
                                       __global float* restrict divisors, int items, int chunk) {
  const int K = args.K;
  FOR_ITEMS(n) {
    __global const float* x = logits + (size_t)n * K;
    __global float* p = probabilities + (size_t)n * K;
    const float2 sum = args.normalized ? probabilities_row(x, p, K) : softmax_row(x, p, K);
    const int label = args.has_targets ? 0 : labels[n];
    const bool counts = args.has_targets || !args.has_ignored || label != args.ignored;
    const bool known = label >= 0 && label < K;
    float loss = 0.0f;
    for (int k = 0; counts && k < K; ++k) {
      const float part = share(labels, weights, args, n, k);
      if (part != 0.0f) loss += part * (sum.y - (x[k] - sum.x));
    }
    losses[n] = known || !counts ? loss : NAN;
    divisors[n] = !counts || !known ? 0.0f : args.has_targets ? 1.0f : weights[label];
  }
}

// One work-item adds up, unless each row keeps its loss.
__kernel GROUP void cross_entropy_finish(__global const float* restrict losses,
                                         __global const float* restrict divisors,
                                         __global float* restrict loss,
                                         __global float* restrict divisor,
                                         const CrossEntropyFinishParams args) {
  const int N = args.N;
  if (get_global_id(0) != 0) return;
  divisor[0] = args.mean ? sum_of(divisors, N) : 1.0f;
  if (args.keeps_rows)
    for (int n = 0; n < N; ++n) loss[n] = losses[n];
  else
    loss[0] = sum_of(losses, N) / divisor[0];
}

// A work-item computes one row of the gradient with respect to the logits or the targets.
__kernel GROUP void cross_entropy_gradient(
    __global const float* restrict probabilities, __global const int* restrict labels,
    __global const float* restrict weights, const CrossEntropyParams args,
    __global const float* restrict dloss, __global const float* restrict divisor,
    __global float* restrict dx, const CrossEntropyGradientParams gradient, int items, int chunk) {
  const int K = args.K;
  FOR_ITEMS(n) {
    const size_t row = (size_t)n * K;
    const bool counts = args.has_targets || !args.has_ignored || labels[n] != args.ignored;
    const float scale = dloss[gradient.keeps_rows ? n : 0] / divisor[0];
    float total = 0.0f;
    for (int k = 0; !args.normalized && k < K; ++k) total += share(labels, weights, args, n, k);
    for (int k = 0; k < K; ++k) {
      const float p = probabilities[row + k];
      const float slope = gradient.of_targets ? (args.smoothing - 1.0f) * weights[k] * log(p)
                                              : total * p - share(labels, weights, args, n, k);
      dx[row + k] = counts ? scale * slope : 0.0f;
    }
  }
}

// Filters w [K, length] and a bias that do the work of a batch norm behind them. An item is one
// weight; that of the first weight of a filter makes its bias, too.
#include "common.h"

__kernel GROUP void fold_batch_norm(
    __global const float* restrict w, __global const float* restrict mean,
    __global const float* restrict var, __global const float* restrict gamma,
    __global const float* restrict beta, __global const float* restrict b,
    __global float* restrict folded, __global float* restrict bias, int affine, int has_bias,
    float eps, int length, int items, int chunk) {
  FOR_ITEMS(i) {
    const int filter = length > 0 ? i / length : i;
    const float scale = (affine ? gamma[filter] : 1.0f) / sqrt(var[filter] + eps);
    if (length > 0) folded[i] = w[i] * scale;
    if (length == 0 || i % length == 0)
      bias[filter] =
          ((has_bias ? b[filter] : 0.0f) - mean[filter]) * scale + (affine ? beta[filter] : 0.0f);
  }
}

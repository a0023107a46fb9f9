// Folds a batch norm into the filters w [K, length] and the bias before it. A work-item computes
// one weight; the work-item of a filter's first weight also computes its bias.
#include "common.h"
#include "fold_batch_norm_params.h"

__kernel GROUP void fold_batch_norm(__global const float* restrict w,
                                    __global const float* restrict mean,
                                    __global const float* restrict var,
                                    __global const float* restrict gamma,
                                    __global const float* restrict beta,
                                    __global const float* restrict b,
                                    __global float* restrict folded, __global float* restrict bias,
                                    const FoldBatchNormParams args, int items, int chunk) {
  FOR_ITEMS(i) {
    const int filter = args.length > 0 ? i / args.length : i;
    const float scale = (args.affine ? gamma[filter] : 1.0f) / sqrt(var[filter] + args.eps);
    if (args.length > 0) folded[i] = w[i] * scale;
    if (args.length == 0 || i % args.length == 0)
      bias[filter] = ((args.has_bias ? b[filter] : 0.0f) - mean[filter]) * scale +
                     (args.affine ? beta[filter] : 0.0f);
  }
}

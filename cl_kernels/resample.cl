// y[outer, j, inner] = sum over t in [first[j], first[j+1]) of weight[t] * x[outer, index[t],
// inner]. A work-item computes a vector of V elements of the inner dimension.
#include "common.h"
#include "resample_params.h"

__kernel GROUP void resample(__global const float* restrict x, __global float* restrict y,
                             __global const int* restrict first, __global const int* restrict index,
                             __global const float* restrict weight, const ResampleParams args,
                             int items, int chunk) {
  const int vectors = (args.inner + V - 1) / V;
  FOR_ITEMS(i) {
    const int row = i / vectors, column = i % vectors * V, count = args.inner - column;
    const int j = row % args.out;
    const size_t base = (size_t)(row / args.out) * args.in;
    floatv sum = (floatv)(0.0f);
    for (int t = first[j]; t < first[j + 1]; ++t)
      sum += (floatv)(weight[t]) * load_lanes(x + (base + index[t]) * args.inner + column, count);
    store_lanes(sum, y + (size_t)row * args.inner + column, count);
  }
}

// The norm of many tensors: each leaves the sums of squares of its pieces in `sums`, from `first`
// on; one work-group adds them all up. The order of the additions depends on the shapes only.
#include "common.h"

// An item is one piece: the vectors i, i + pieces, i + 2 * pieces and so on.
__kernel GROUP void square_sums(__global const float* restrict x, __global float* restrict sums,
                                int first, int elements, int items, int chunk) {
  FOR_ITEMS(i) {
    floatv sum = (floatv)(0.0f);
    for (int at = i * V; at < elements;) {
      floatv block = (floatv)(0.0f);  // sums of sums: the rounding errors stay small
      for (int k = 0; k < 256 && at < elements; ++k, at += items * V) {
        const floatv values = load_lanes(x + at, elements - at);
        block += values * values;
      }
      sum += block;
    }
    sums[first + i] = lane_sum(sum);
  }
}

__kernel GROUP void norm_of_sums(__global const float* restrict sums, __global float* restrict y,
                                 int count) {
  __local float parts[LOCAL];
  const int lane = (int)get_local_id(0);
  float part = 0.0f;
  for (int i = lane; i < count; i += LOCAL) part += sums[i];
  parts[lane] = part;
  barrier(CLK_LOCAL_MEM_FENCE);
  if (lane == 0) {
    float sum = 0.0f;
    for (int i = 0; i < LOCAL; ++i) sum += parts[i];
    y[0] = sqrt(sum);
  }
}

__kernel GROUP void trust_ratio(__global const float* restrict w_norm,
                                __global const float* restrict dw_norm, __global float* restrict y,
                                float coefficient, float decay) {
  if (get_global_id(0) == 0) {
    const float w = w_norm[0], dw = dw_norm[0];
    y[0] = w == 0.0f || dw == 0.0f ? 1.0f : coefficient * w / (dw + decay * w);
  }
}

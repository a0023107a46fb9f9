// The norm of many tensors: a work-group writes the sum of squares of a piece of one tensor to
// `sums`, and one work-group adds all sums. The order of the additions depends on the shapes only.
#include "common.h"

// A row of `pieces`: the start of the piece in the memory block that tensors share, its number of
// elements, and the index of its sum.
__kernel GROUP void square_sums(__global const float* restrict block, __global float* restrict sums,
                                __global const int* restrict pieces) {
  __local float parts[LOCAL];
  __global const int* piece = pieces + 3 * get_group_id(0);
  __global const float* x = block + piece[0];
  const int lane = (int)get_local_id(0), elements = piece[1];
  floatv sum = (floatv)(0.0f);
  for (int at = lane * V; at < elements;) {
    floatv part = (floatv)(0.0f);  // sums of sums: the rounding errors stay small
    for (int k = 0; k < 256 && at < elements; ++k, at += LOCAL * V) {
      const floatv values = load_lanes(x + at, elements - at);
      part += values * values;
    }
    sum += part;
  }
  parts[lane] = lane_sum(sum);
  barrier(CLK_LOCAL_MEM_FENCE);
  if (lane == 0) {
    float total = 0.0f;
    for (int i = 0; i < LOCAL; ++i) total += parts[i];
    sums[piece[2]] = total;
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

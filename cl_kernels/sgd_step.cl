// v = momentum * v + dw, w = w - lr * v, in place. An item is a vector of V elements.
#include "common.h"

__kernel GROUP void sgd_step(__global float* restrict w, __global const float* restrict dw,
                             __global float* restrict v, __global const float* restrict lr,
                             float momentum, int elements, int items, int chunk) {
  const floatv rate = (floatv)(lr[0]);
  FOR_ITEMS(i) {
    const int count = elements - i * V;
    const floatv velocity =
        momentum * load_lanes(v + i * V, count) + load_lanes(dw + i * V, count);
    store_lanes(velocity, v + i * V, count);
    store_lanes(load_lanes(w + i * V, count) - rate * velocity, w + i * V, count);
  }
}

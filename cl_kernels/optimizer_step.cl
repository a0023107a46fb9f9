// One step of an optimiser, in place. An item is a vector of V elements.
#include "common.h"
#include "optimizer_step.h"

// What an op lacks of states and `extra` is bound to something else, and not used.
#define STEP(NAME, STATES, EXTRA, ONCE, EACH)                                                   \
  __kernel GROUP void NAME(__global float* restrict w_, __global const float* restrict dw_,     \
                           __global float* restrict a_, __global float* restrict b_,            \
                           __global const float* restrict lr_,                                  \
                           __global const EXTRA* restrict extra_,                               \
                           __global const float* restrict k, int elements, int items,           \
                           int chunk) {                                                         \
    const float lr = lr_[0];                                                                    \
    const EXTRA extra = extra_[0];                                                              \
    ONCE;                                                                                       \
    FOR_ITEMS(i) {                                                                              \
      const int count = elements - i * V;                                                       \
      floatv w = load_lanes(w_ + i * V, count), a, b;                                           \
      const floatv dw = load_lanes(dw_ + i * V, count);                                         \
      if (STATES > 0) a = load_lanes(a_ + i * V, count);                                        \
      if (STATES > 1) b = load_lanes(b_ + i * V, count);                                        \
      EACH;                                                                                     \
      store_lanes(w, w_ + i * V, count);                                                        \
      if (STATES > 0) store_lanes(a, a_ + i * V, count);                                        \
      if (STATES > 1) store_lanes(b, b_ + i * V, count);                                        \
    }                                                                                           \
  }

OPTIMIZER_STEPS(STEP)

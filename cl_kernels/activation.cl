// Activations y = f(x) and their gradients dx = dy * f'(x) in terms of y: one row each at the end.
// An item is a vector of V elements.
#include "common.h"

#define ACTIVATION(NAME, FORWARD, GRADIENT)                                                     \
  __kernel GROUP void NAME(__global const float* restrict x_, __global float* restrict y_,      \
                           int elements, int items, int chunk) {                                \
    FOR_ITEMS(i) {                                                                              \
      const int count = elements - i * V;                                                       \
      const floatv x = load_lanes(x_ + i * V, count);                                           \
      store_lanes(FORWARD, y_ + i * V, count);                                                  \
    }                                                                                           \
  }                                                                                             \
  __kernel GROUP void JOIN(NAME, _dx)(__global const float* restrict y_,                        \
                                      __global const float* restrict dy_,                       \
                                      __global float* restrict dx_, int elements, int items,    \
                                      int chunk) {                                              \
    FOR_ITEMS(i) {                                                                              \
      const int count = elements - i * V;                                                       \
      const floatv y = load_lanes(y_ + i * V, count), dy = load_lanes(dy_ + i * V, count);      \
      store_lanes(GRADIENT, dx_ + i * V, count);                                                \
    }                                                                                           \
  }

// NaN stays NaN, as it should when the training has gone wrong.
ACTIVATION(relu, select(x, (floatv)(0.0f), (intv)isless(x, (floatv)(0.0f))),
           select((floatv)(0.0f), dy, (intv)isgreater(y, (floatv)(0.0f))))

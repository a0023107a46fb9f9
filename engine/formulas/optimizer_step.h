// The formulas of the optimizers, for the kernels and for the CPU backend alike. A row is
//   STEP(op, number of states, type of `extra`, once, for each element)
// and may use: w, dw and the states a and b, of type floatv; the numbers lr, extra (an input of its
// own) and k[0], k[1] ... (constants, in the order of optimizer_constants()). Where lr is NaN the
// step is not done; what blend and accumulate replace whole may have been NaN.

// One statement per line, which clang-format does not keep.
// clang-format off
#define OPTIMIZER_STEPS(STEP)                                                               \
  STEP(sgd_step, 1, float,                                                                  \
       const float momentum = k[0]; const float decay = k[1]; const float of_v = k[2];      \
       const float of_g = k[3],                                                             \
       const floatv g = dw + decay * w;                                                     \
       a = momentum * a + g;                                                                \
       w -= lr * (of_v * a + of_g * g))                                                     \
  STEP(adam_step, 2, int,                                                                   \
       const float of_m = k[0]; const float of_g = k[1]; const float of_v = k[2];           \
       const float of_gg = k[3]; const float eps = k[6]; const float decay = k[7];          \
       const float t = (float)extra + 1.0f;                                                 \
       const float keep = 1.0f - lr * k[8];                                                 \
       const float rate = -lr / expm1(t * k[4]);                                            \
       const float root = 1.0f / sqrt(-expm1(t * k[5])),                                    \
       const floatv g = dw + decay * w;                                                     \
       a = of_m * a + of_g * g;                                                             \
       b = of_v * b + of_gg * g * g;                                                        \
       w = keep * w - rate * a / (sqrt(b) * root + eps))                                    \
  STEP(rmsprop_step, 2, float,                                                              \
       const float of_v = k[0]; const float of_gg = k[1]; const float eps = k[2];           \
       const float decay = k[3]; const float momentum = k[4],                               \
       const floatv g = dw + decay * w;                                                     \
       a = of_v * a + of_gg * g * g;                                                        \
       b = momentum * b + g / (sqrt(a) + eps);                                              \
       w -= lr * b)                                                                         \
  STEP(adagrad_step, 1, float,                                                              \
       const float eps = k[0]; const float decay = k[1],                                    \
       const floatv g = dw + decay * w;                                                     \
       a += g * g;                                                                          \
       w -= lr * g / (sqrt(a) + eps))                                                       \
  STEP(lars_step, 1, float,                                                                 \
       const float momentum = k[0]; const float decay = k[1],                               \
       a = momentum * a + extra * (dw + decay * w);                                         \
       w -= lr * a)                                                                         \
  STEP(blend, 0, float,                                                                     \
       const float keep = 1.0f - lr,                                                        \
       w = lr * dw + (keep == 0.0f ? (floatv)(0.0f) : keep * w))                            \
  STEP(accumulate, 0, float, ,                                                              \
       w = lr == 0.0f ? dw : w + dw)

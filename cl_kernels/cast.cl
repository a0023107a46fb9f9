// Conversion to other element types. A work-item computes one element.
#include "common.h"

#define CAST(NAME, FROM, TO, VALUE)                                                              \
  __kernel GROUP void NAME(__global const FROM* restrict x_, __global TO* restrict y, int items, \
                           int chunk) {                                                          \
    FOR_ITEMS(i) {                                                                               \
      const FROM x = x_[i];                                                                      \
      y[i] = VALUE;                                                                              \
    }                                                                                            \
  }

// OpenCL only recommends that NaN becomes 0.
CAST(f32_to_i32, float, int, isnan(x) ? 0 : convert_int_sat(x))
CAST(f32_to_u8, float, uchar, (uchar)(convert_int_sat(x) & 255))
CAST(i32_to_f32, int, float, (float)x)
CAST(i32_to_u8, int, uchar, (uchar)(x & 255))
CAST(u8_to_f32, uchar, float, (float)x)
CAST(u8_to_i32, uchar, int, x)

// Strided copies: transposing, slicing, padding, repeating. The last axis is given by `inner`,
// `begin`, `extent`, `stride` and `every`; `table` holds size, begin, extent, stride, every and
// y_stride of each of the `rank` axes before it. Index i of an axis reads x where 0 <= i - begin <
// extent and i - begin is a multiple of `every`; elsewhere y is `fill`. An item is `segment`
// elements of a row of y.
#include "common.h"

#define REARRANGE(NAME, TYPE)                                                                      \
  __kernel GROUP void NAME(__global const TYPE* restrict x_, __global TYPE* restrict y_,           \
                           __global const int* restrict table, int rank, int x_start, int y_start, \
                           int inner, int begin, int extent, int stride, int every, int segment,   \
                           uint fill, int items, int chunk) {                                      \
    const int segments = (inner + segment - 1) / segment;                                          \
    FOR_ITEMS(i) {                                                                                 \
      const int first = i % segments * segment, end = min(first + segment, inner);                 \
      int rest = i / segments;                                                                     \
      long from = x_start;                                                                         \
      size_t to = (size_t)y_start;                                                                 \
      bool inside = true;                                                                          \
      for (int d = rank - 1; d >= 0; --d) {                                                        \
        __global const int* axis = table + 6 * d;                                                  \
        const int index = rest % axis[0], at = index - axis[1];                                    \
        rest /= axis[0];                                                                           \
        inside = inside && at >= 0 && at < axis[2] && (axis[4] == 1 || at % axis[4] == 0);         \
        from += (long)(axis[4] == 1 ? at : at / axis[4]) * axis[3];                                \
        to += (size_t)index * axis[5];                                                             \
      }                                                                                            \
      __global TYPE* restrict y = y_ + to;                                                         \
      for (int column = first; column < end; column += V) {                                        \
        const int at = column - begin;                                                             \
        if (inside && stride == 1 && every == 1 && at >= 0 && at + V <= extent &&                  \
            column + V <= end) {                                                                   \
          STORE(LOAD(x_ + from + at), y + column);                                                 \
          continue;                                                                                \
        }                                                                                          \
        for (int lane = 0; lane < min(V, end - column); ++lane) {                                  \
          const int here = at + lane;                                                              \
          const bool read =                                                                        \
              inside && here >= 0 && here < extent && (every == 1 || here % every == 0);           \
          y[column + lane] =                                                                       \
              read ? x_[from + (long)(every == 1 ? here : here / every) * stride] : (TYPE)fill;    \
        }                                                                                          \
      }                                                                                            \
    }                                                                                              \
  }

REARRANGE(rearrange_words, uint)
REARRANGE(rearrange_bytes, uchar)

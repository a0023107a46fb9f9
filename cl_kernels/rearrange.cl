// Strided copies: transposing, slicing, padding, repeating. The last axis has `inner`, `begin`,
// `extent`, `stride` and `every`; `table` holds size, begin, extent, stride, every and y_stride of
// each of the `rank` axes before it. Index i of an axis reads x where 0 <= i - begin < extent and i
// - begin is a multiple of `every`; elsewhere y is `fill`. A work-item computes `segment` elements
// of a row of y.
#include "common.h"
#include "rearrange_params.h"

#define REARRANGE(NAME, TYPE)                                                                     \
  __kernel GROUP void NAME(__global const TYPE* restrict x_, __global TYPE* restrict y_,          \
                           __global const int* restrict table, const RearrangeParams args,        \
                           int items, int chunk) {                                                \
    const int segments = (args.inner + args.segment - 1) / args.segment;                          \
    FOR_ITEMS(i) {                                                                                \
      const int first = i % segments * args.segment, end = min(first + args.segment, args.inner); \
      int rest = i / segments;                                                                    \
      long from = args.x_start;                                                                   \
      size_t to = (size_t)args.y_start;                                                           \
      bool inside = true;                                                                         \
      for (int d = args.rank - 1; d >= 0; --d) {                                                  \
        __global const int* axis = table + 6 * d;                                                 \
        const int index = rest % axis[0], at = index - axis[1];                                   \
        rest /= axis[0];                                                                          \
        inside = inside && at >= 0 && at < axis[2] && (axis[4] == 1 || at % axis[4] == 0);        \
        from += (long)(axis[4] == 1 ? at : at / axis[4]) * axis[3];                               \
        to += (size_t)index * axis[5];                                                            \
      }                                                                                           \
      __global TYPE* restrict y = y_ + to;                                                        \
      for (int column = first; column < end; column += V) {                                       \
        const int at = column - args.begin;                                                       \
        if (inside && args.stride == 1 && args.every == 1 && at >= 0 && at + V <= args.extent &&  \
            column + V <= end) {                                                                  \
          STORE(LOAD(x_ + from + at), y + column);                                                \
          continue;                                                                               \
        }                                                                                         \
        for (int lane = 0; lane < min(V, end - column); ++lane) {                                 \
          const int here = at + lane;                                                             \
          const bool read = inside && here >= 0 && here < args.extent &&                          \
                            (args.every == 1 || here % args.every == 0);                          \
          y[column + lane] =                                                                      \
              read ? x_[from + (long)(args.every == 1 ? here : here / args.every) * args.stride]  \
                   : (TYPE)args.fill;                                                             \
        }                                                                                         \
      }                                                                                           \
    }                                                                                             \
  }

REARRANGE(rearrange_words, uint)
REARRANGE(rearrange_bytes, uchar)

// y = x * scale[c] + shift[c], with `padding` rows and columns of byte 0 on each side. `table` has
// the scales of C + V adjacent floats, the scales of the channels repeated, then the shifts. A
// work-item computes `segment` pixels of one output row.
#include "common.h"
#include "image_to_float_params.h"

#if V == 1
#define FLOATS(x) ((float)(x))
#else
#define FLOATS(x) JOIN(convert_float, V)(x)
#endif

// Writes floats [begin, end) of a row for bytes 0.
static inline void write_border(__global float* restrict y, __global const float* restrict shifts,
                                int C, int begin, int end) {
  for (int i = begin; i < end; ++i) y[i] = shifts[i % C];
}

__kernel GROUP void image_to_float(__global const uchar* restrict x, __global float* restrict y,
                                   __global const float* restrict table,
                                   const ImageToFloatParams args, int items, int chunk) {
  const int H = args.H, W = args.W, C = args.C;
  const int P = H + 2 * args.padding, Q = W + 2 * args.padding;
  const int segments = (Q + args.segment - 1) / args.segment;
  __global const float* shifts = table + C + V;
  FOR_ITEMS(i) {
    const int row = i / segments, begin = i % segments * args.segment * C;
    const int end = min(begin + args.segment * C, Q * C);
    const int h = row % P - args.padding;
    const bool inside = h >= 0 && h < H;
    // The floats of pixels of x, and the first byte of these pixels.
    const int from = inside ? clamp(args.padding * C, begin, end) : end;
    const int to = inside ? clamp((args.padding + W) * C, begin, end) : end;
    __global const uchar* bytes = x + ((size_t)(row / P) * H + (inside ? h : 0)) * W * C;
    __global float* out = y + (size_t)row * Q * C;
    write_border(out, shifts, C, begin, from);
    int j = from, c = from % C;
    for (; j <= to - V; j += V) {
      STORE(FLOATS(LOAD_BYTES(bytes + (j - args.padding * C))) * LOAD(table + c) + LOAD(shifts + c),
            out + j);
      c = (c + V) % C;
    }
    for (; j < to; ++j, ++c) out[j] = (float)bytes[j - args.padding * C] * table[c] + shifts[c];
    write_border(out, shifts, C, to, end);
  }
}

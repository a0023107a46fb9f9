// Maximum over windows, with the position of the maximum (r*S + s) for the gradient. Vectors may
// extend into the next pixel, never past the end of a tensor.
#include "common.h"
#include "max_pool2d_params.h"

#ifndef WINDOW_R
#define WINDOW_R 0  // rows of a window that is taken apart at compile time, 0: of none
#endif
#ifndef WINDOW_S
#define WINDOW_S 0  // and its columns
#endif

// The number of elements, or ANY if no vector extends past them: then the inlined functions need no
// checks.
#define ANY (~(size_t)0)
#define INLINE __attribute__((always_inline)) static inline

static inline intv load_bytes(__global const uchar* p, size_t offset, size_t elements) {
  if (elements == ANY || offset + V <= elements) return LOAD_BYTES(p + offset);
  uchar lanes[V];
  UNROLL(V)
  for (int lane = 0; lane < V; ++lane)
    lanes[lane] = offset + lane < elements ? p[offset + lane] : 0;
  return LOAD_BYTES(lanes);
}

static inline floatv load_floats(__global const float* p, size_t offset, size_t elements) {
  if (elements == ANY || offset + V <= elements) return LOAD(p + offset);
  return load_first(p + offset, (int)(elements - offset), 0.0f);
}

static inline void store_bytes(intv value, __global uchar* p, int count) {
  if (count >= V) {
    STORE_BYTES(value, p);
    return;
  }
  uchar lanes[V];
  STORE_BYTES(value, lanes);
  UNROLL(V)
  for (int lane = 0; lane < V; ++lane)
    if (lane < count) p[lane] = lanes[lane];
}

// Which pixels and channels a work-item computes: [begin, end) of a row, [c0, c1) of each.
typedef struct {
  int row, begin, end, c0, c1;
} Item;

static inline Item item_at(int i, int width, const MaxPool2dParams args) {
  const int spans = (args.C + args.span - 1) / args.span;
  const int segments = (width + args.segment - 1) / args.segment;
  Item item;
  item.c0 = i % spans * args.span;
  item.c1 = min(item.c0 + args.span, args.C);
  item.begin = i / spans % segments * args.segment;
  item.end = min(item.begin + args.segment, width);
  item.row = i / spans / segments;
  return item;
}

// Compares the element at `offset`, at position `here` of the window, with the maximum so far. The
// first NaN wins over numbers and stays.
static inline void take(__global const float* restrict x, size_t offset, size_t elements, int here,
                        floatv* best, intv* place) {
  const floatv value = load_floats(x, offset, elements);
  const intv better =
      (intv)isgreater(value, *best) | ((intv)isnan(value) & (intv)isequal(*best, *best));
  *best = select(*best, value, better);
  *place = select(*place, (intv)(here), better);
}

__kernel GROUP void max_pool2d(__global const float* restrict x, __global float* restrict y,
                               __global uchar* restrict index, const MaxPool2dParams args,
                               int items, int chunk) {
  const int H = args.H, W = args.W, C = args.C, P = args.P, Q = args.Q, R = args.R, S = args.S;
  FOR_ITEMS(i) {
    const Item item = item_at(i, Q, args);
    const int h0 = item.row % P * args.stride_h - args.padding_h, r0 = max(0, -h0),
              r1 = min(R, H - h0);
    const size_t image = (size_t)(item.row / P) * H * W, result = (size_t)item.row * Q;
    for (int q = item.begin; q < item.end; ++q) {
      const int w0 = q * args.stride_w - args.padding_w, s0 = max(0, -w0), s1 = min(S, W - w0);
      // A vector may extend into the work-item's next pixel, which is written later.
      const int stop = args.span < C ? q * C + item.c1 : item.end * C;
      for (int c = item.c0; c < item.c1; c += V) {
        floatv best = (floatv)(-INFINITY);
        intv place = (intv)(r0 * S + s0);
        if (r1 - r0 == WINDOW_R && s1 - s0 == WINDOW_S) {
          UNROLL(WINDOW_R + 1)
          for (int r = 0; r < WINDOW_R; ++r) UNROLL(WINDOW_S + 1)
          for (int s = 0; s < WINDOW_S; ++s)
            take(x, (image + (size_t)(h0 + r) * W + w0 + s) * C + c, (size_t)args.elements,
                 r * WINDOW_S + s, &best, &place);
        } else {
          for (int r = r0; r < r1; ++r)
            for (int s = s0; s < s1; ++s)
              take(x, (image + (size_t)(h0 + r) * W + w0 + s) * C + c, (size_t)args.elements,
                   r * S + s, &best, &place);
        }
        const size_t offset = (result + q) * C + c;
        const int count = stop - q * C - c;
        store_lanes(best, y + offset, count);
        store_bytes(place, index + offset, count);
      }
    }
  }
}

// Each input pixel reads the windows that contain it.
__kernel GROUP void max_pool2d_dx(__global const float* restrict dy,
                                  __global const uchar* restrict index, __global float* restrict dx,
                                  const MaxPool2dParams args, int items, int chunk) {
  const int H = args.H, W = args.W, C = args.C, P = args.P, Q = args.Q, R = args.R, S = args.S;
  FOR_ITEMS(i) {
    const Item item = item_at(i, W, args);
    const int h = item.row % H + args.padding_h;
    const int p0 = h < R ? 0 : (h - R) / args.stride_h + 1, p1 = min(P, h / args.stride_h + 1);
    const size_t image = (size_t)(item.row / H) * P * Q;
    int q0 = max(0, item.begin + args.padding_w - S) / args.stride_w, q1 = q0;
    for (int w = item.begin; w < item.end; ++w) {
      const int padded_w = w + args.padding_w;
      while (q0 * args.stride_w + S <= padded_w) ++q0;
      while (q1 < Q && q1 * args.stride_w <= padded_w) ++q1;
      for (int c = item.c0; c < item.c1; c += V) {
        floatv sum = (floatv)(0.0f);
        for (int p = p0; p < p1; ++p)
          for (int q = q0; q < q1; ++q) {
            const size_t offset = (image + (size_t)p * Q + q) * C + c;
            const intv place = (intv)((h - p * args.stride_h) * S + padded_w - q * args.stride_w);
            const intv here = (intv)(load_bytes(index, offset, (size_t)args.elements) == place);
            sum += select((floatv)(0.0f), load_floats(dy, offset, (size_t)args.elements), here);
          }
        store_lanes(sum, dx + ((size_t)item.row * W + w) * C + c, C - c);
      }
    }
  }
}

static inline void store_zeros(__global float* p, int count) {
  for (int i = 0; i < count; i += V) store_lanes((floatv)(0.0f), p + i, count - i);
}

// A pixel of dx, the element `here` of its window, whose gradient is the first of `elements`;
// vectors end before `count` floats.
INLINE void store_pixel(__global const float* restrict dy, __global const uchar* restrict index,
                        size_t elements, int here, int C, __global float* restrict dx, int count) {
  for (int c = 0; c < C; c += V) {
    const intv chosen = (intv)(load_bytes(index, c, elements) == here);
    const floatv gradient = load_floats(dy, c, elements);
    store_lanes(select((floatv)(0.0f), gradient, chosen), dx + c, count - c);
  }
}

// Row `r` of a row of windows, dx [W,C] from left to right, so that vectors may extend into the
// next pixels.
INLINE void scatter_row(__global const float* restrict dy, __global const uchar* restrict index,
                        __global float* restrict dx, int r, int W, int C, int Q, int S,
                        int stride_w, int padding_w, size_t elements) {
  int done = 0;  // floats
  for (int q = 0; q < Q; ++q, dy += C, index += C) {
    const int w0 = q * stride_w - padding_w, s0 = max(0, -w0), s1 = min(S, W - w0);
    const size_t left = elements == ANY ? ANY : elements - (size_t)q * C;
    if (s0 >= s1) continue;
    store_zeros(dx + done, (w0 + s0) * C - done);
    done = (w0 + s1) * C;
    if (s1 - s0 == WINDOW_S) {
      UNROLL(WINDOW_S + 1)
      for (int s = 0; s < WINDOW_S; ++s)
        store_pixel(dy, index, left, r * WINDOW_S + s, C, dx + (w0 + s) * C, (W - w0 - s) * C);
    } else {
      for (int s = s0; s < s1; ++s)
        store_pixel(dy, index, left, r * S + s, C, dx + (w0 + s) * C, (W - w0 - s) * C);
    }
  }
  store_zeros(dx + done, W * C - done);
}

// For windows without overlap: each window writes its own elements of dx. A work-item computes the
// rows of dx from one row of windows to the next.
__kernel GROUP void max_pool2d_dx_scatter(__global const float* restrict dy,
                                          __global const uchar* restrict index,
                                          __global float* restrict dx, const MaxPool2dParams args,
                                          int items, int chunk) {
  const int H = args.H, W = args.W, C = args.C, P = args.P, Q = args.Q, R = args.R, S = args.S;
  FOR_ITEMS(i) {
    const int p = i % P, h0 = p * args.stride_h - args.padding_h;
    const int begin = p == 0 ? 0 : min(H, h0), end = p == P - 1 ? H : min(H, h0 + args.stride_h);
    const size_t offset = (size_t)i * Q * C, left = (size_t)args.elements - offset;
    for (int h = begin; h < end; ++h) {
      const int r = h - h0;
      __global float* row = dx + ((size_t)(i / P) * H + h) * W * C;
      if (r < 0 || r >= R)
        store_zeros(row, W * C);
      else if ((size_t)Q * C + V <= left)  // no vector leaves dy
        scatter_row(dy + offset, index + offset, row, r, W, C, Q, S, args.stride_w, args.padding_w,
                    ANY);
      else
        scatter_row(dy + offset, index + offset, row, r, W, C, Q, S, args.stride_w, args.padding_w,
                    left);
    }
  }
}

#if V == 1
#define AS_FLOATS(x) as_float(x)
#define AS_INTS(x) as_int(x)
#else
#define AS_FLOATS(x) JOIN(as_float, V)(x)
#define AS_INTS(x) JOIN(as_int, V)(x)
#endif

// Any windows. `borders` has the begins and ends of the windows, of rows, then of columns, and last
// the distances of a window's elements. `index` is the position in the image as the bits of an
// integer. A work-item computes V channels of a window.
__kernel GROUP void max_pool2d_windows(__global const float* restrict x,
                                       __global float* restrict index, __global float* restrict y,
                                       __global const int* restrict borders,
                                       const MaxPool2dWindowsParams args, int items, int chunk) {
  const int H = args.H, W = args.W, C = args.C, P = args.P, Q = args.Q;
  const int vectors = (C + V - 1) / V;
  FOR_ITEMS(i) {
    const int c = i % vectors * V, q = i / vectors % Q, p = i / vectors / Q % P;
    const size_t image = (size_t)(i / vectors / Q / P) * H * W;
    const int w0 = borders[2 * P + q], w1 = borders[2 * P + Q + q];
    const int step_h = borders[2 * P + 2 * Q], step_w = borders[2 * P + 2 * Q + 1];
    floatv best = (floatv)(-INFINITY);
    intv place = (intv)(borders[p] * W + w0);
    for (int h = borders[p]; h < borders[P + p]; h += step_h)
      for (int w = w0; w < w1; w += step_w) {
        const floatv value = load_lanes(x + (image + (size_t)h * W + w) * C + c, C - c);
        const intv better =
            (intv)isgreater(value, best) | ((intv)isnan(value) & (intv)isequal(best, best));
        best = select(best, value, better);
        place = select(place, (intv)(h * W + w), better);
      }
    const size_t offset = (size_t)(i / vectors) * C + c;
    store_lanes(best, y + offset, C - c);
    store_lanes(AS_FLOATS(place), index + offset, C - c);
  }
}

// `borders` has for each element, of rows, then of columns, the first window that may contain it
// and the end of these windows. A work-item computes V channels of an element.
__kernel GROUP void max_pool2d_windows_dx(__global const float* restrict dy,
                                          __global const float* restrict index,
                                          __global float* restrict dx,
                                          __global const int* restrict borders,
                                          const MaxPool2dWindowsParams args, int items, int chunk) {
  const int H = args.H, W = args.W, C = args.C, P = args.P, Q = args.Q;
  const int vectors = (C + V - 1) / V;
  FOR_ITEMS(i) {
    const int c = i % vectors * V, w = i / vectors % W, h = i / vectors / W % H;
    const size_t image = (size_t)(i / vectors / W / H) * P * Q;
    floatv sum = (floatv)(0.0f);
    for (int p = borders[h]; p < borders[H + h]; ++p)
      for (int q = borders[2 * H + w]; q < borders[2 * H + W + w]; ++q) {
        const size_t offset = (image + (size_t)p * Q + q) * C + c;
        const intv here = AS_INTS(load_lanes(index + offset, C - c)) == (intv)(h * W + w);
        sum += select((floatv)(0.0f), load_lanes(dy + offset, C - c), (intv)here);
      }
    store_lanes(sum, dx + (size_t)(i / vectors) * C + c, C - c);
  }
}

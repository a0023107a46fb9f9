// Maximum over windows, with the place of the maximum (r*S + s) for the gradient, which gathers.
// Vectors may reach into the next pixel, never past the end of a tensor.
#include "common.h"

static inline intv load_bytes(__global const uchar* p, size_t offset, size_t elements) {
  if (offset + V <= elements) return LOAD_BYTES(p + offset);
  uchar lanes[V];
  UNROLL(V)
  for (int lane = 0; lane < V; ++lane) lanes[lane] = offset + lane < elements ? p[offset + lane] : 0;
  return LOAD_BYTES(lanes);
}

static inline floatv load_floats(__global const float* p, size_t offset, size_t elements) {
  if (offset + V <= elements) return LOAD(p + offset);
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

// Which output or input elements an item is: `segment` pixels of a row, `span` channels of each.
#define ITEM(WIDTH)                                                                              \
  const int spans = (C + span - 1) / span, segments = ((WIDTH) + segment - 1) / segment;         \
  const int c0 = i % spans * span, c1 = min(c0 + span, C);                                       \
  const int begin = i / spans % segments * segment, end = min(begin + segment, (WIDTH));         \
  const int row = i / spans / segments;

__kernel GROUP void max_pool2d(__global const float* restrict x, __global float* restrict y,
                               __global uchar* restrict index, int H, int W, int C, int P, int Q,
                               int R, int S, int stride_h, int stride_w, int padding_h,
                               int padding_w, int elements, int segment, int span, int items,
                               int chunk) {
  FOR_ITEMS(i) {
    ITEM(Q)
    const int h0 = row % P * stride_h - padding_h, r0 = max(0, -h0), r1 = min(R, H - h0);
    const size_t image = (size_t)(row / P) * H * W;
    for (int q = begin; q < end; ++q) {
      const int w0 = q * stride_w - padding_w, s0 = max(0, -w0), s1 = min(S, W - w0);
      for (int c = c0; c < c1; c += V) {
        floatv best = (floatv)(-INFINITY);
        intv place = (intv)(r0 * S + s0);
        for (int r = r0; r < r1; ++r)
          for (int s = s0; s < s1; ++s) {
            const size_t offset = (image + (size_t)(h0 + r) * W + w0 + s) * C + c;
            const floatv value = load_floats(x, offset, (size_t)elements);
            // The first NaN wins over numbers and stays.
            const intv better = (intv)isgreater(value, best) |
                                ((intv)isnan(value) & (intv)isequal(best, best));
            best = select(best, value, better);
            place = select(place, (intv)(r * S + s), better);
          }
        const size_t offset = ((size_t)row * Q + q) * C + c;
        store_lanes(best, y + offset, C - c);
        store_bytes(place, index + offset, C - c);
      }
    }
  }
}

// Each input pixel looks at the windows it lies in.
__kernel GROUP void max_pool2d_dx(__global const float* restrict dy,
                                  __global const uchar* restrict index, __global float* restrict dx,
                                  int H, int W, int C, int P, int Q, int R, int S, int stride_h,
                                  int stride_w, int padding_h, int padding_w, int elements,
                                  int segment, int span, int items, int chunk) {
  FOR_ITEMS(i) {
    ITEM(W)
    const int h = row % H + padding_h;
    const int p0 = h < R ? 0 : (h - R) / stride_h + 1, p1 = min(P, h / stride_h + 1);
    const size_t image = (size_t)(row / H) * P * Q;
    int q0 = max(0, begin + padding_w - S) / stride_w, q1 = q0;
    for (int column = begin; column < end; ++column) {
      const int w = column + padding_w;
      while (q0 * stride_w + S <= w) ++q0;
      while (q1 < Q && q1 * stride_w <= w) ++q1;
      for (int c = c0; c < c1; c += V) {
        floatv sum = (floatv)(0.0f);
        for (int p = p0; p < p1; ++p)
          for (int q = q0; q < q1; ++q) {
            const size_t offset = (image + (size_t)p * Q + q) * C + c;
            const intv place = (intv)((h - p * stride_h) * S + w - q * stride_w);
            const intv here = (intv)(load_bytes(index, offset, (size_t)elements) == place);
            sum += select((floatv)(0.0f), load_floats(dy, offset, (size_t)elements), here);
          }
        store_lanes(sum, dx + ((size_t)row * W + column) * C + c, C - c);
      }
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

// Any windows. `borders` holds of rows and then columns where the windows begin and where they end,
// and last how far apart the elements of a window stand. `index` is the place in the image as the bits of an
// integer. An item is V channels of a window.
__kernel GROUP void max_pool2d_windows(__global const float* restrict x,
                                       __global float* restrict index, __global float* restrict y,
                                       __global const int* restrict borders, int H, int W, int C, int P, int Q, int items, int chunk) {
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
        const intv better = (intv)isgreater(value, best) |
                            ((intv)isnan(value) & (intv)isequal(best, best));
        best = select(best, value, better);
        place = select(place, (intv)(h * W + w), better);
      }
    const size_t offset = (size_t)(i / vectors) * C + c;
    store_lanes(best, y + offset, C - c);
    store_lanes(AS_FLOATS(place), index + offset, C - c);
  }
}

// `borders` holds of rows and then columns the first window in which an element may lie and the one
// behind the last. An item is V channels of an element.
__kernel GROUP void max_pool2d_windows_dx(__global const float* restrict dy,
                                          __global const float* restrict index,
                                          __global float* restrict dx,
                                          __global const int* restrict borders, int H, int W,
                                          int C, int P, int Q, int items, int chunk) {
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

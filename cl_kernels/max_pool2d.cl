// Maximum over windows, with the place of the maximum (r*S + s) for the gradient, which gathers.
// An item is V channels of one output pixel. Vectors may reach into the next pixel, never past the
// end of a tensor.
#include "common.h"

static inline intv load_bytes(__global const uchar* p, size_t offset, size_t elements) {
  if (offset + V <= elements) return LOAD_BYTES(p + offset);
  uchar lanes[V];
  for (int lane = 0; lane < V; ++lane) lanes[lane] = offset + lane < elements ? p[offset + lane] : 0;
  return LOAD_BYTES(lanes);
}

static inline floatv load_floats(__global const float* p, size_t offset, size_t elements) {
  if (offset + V <= elements) return LOAD(p + offset);
  return load_first(p + offset, (int)(elements - offset), 0.0f);
}

__kernel GROUP void max_pool2d(__global const float* restrict x, __global float* restrict y,
                               __global uchar* restrict index, int H, int W, int C, int P, int Q,
                               int R, int S, int stride_h, int stride_w, int padding_h,
                               int padding_w, int elements, int items, int chunk) {
  const int vectors = (C + V - 1) / V;
  FOR_ITEMS(i) {
    const int c = i % vectors * V, pixel = i / vectors;
    const int h0 = pixel / Q % P * stride_h - padding_h, w0 = pixel % Q * stride_w - padding_w;
    const int r0 = max(0, -h0), r1 = min(R, H - h0), s0 = max(0, -w0), s1 = min(S, W - w0);
    const size_t image = (size_t)(pixel / Q / P) * H * W;
    floatv best = (floatv)(-INFINITY);
    intv place = (intv)(r0 * S + s0);
    for (int r = r0; r < r1; ++r)
      for (int s = s0; s < s1; ++s) {
        const size_t offset = (image + (size_t)(h0 + r) * W + w0 + s) * C + c;
        const floatv value = load_floats(x, offset, (size_t)elements);
        // The first NaN wins over numbers and stays.
        const intv better = (intv)isgreater(value, best) | ((intv)isnan(value) & (intv)isequal(best, best));
        best = select(best, value, better);
        place = select(place, (intv)(r * S + s), better);
      }
    const size_t offset = (size_t)pixel * C + c;
    store_lanes(best, y + offset, C - c);
    if (C - c >= V) {
      STORE_BYTES(place, index + offset);
    } else {
      uchar lanes[V];
      STORE_BYTES(place, lanes);
      for (int lane = 0; lane < C - c; ++lane) index[offset + lane] = lanes[lane];
    }
  }
}

// An item is V channels of one input pixel, which looks at the windows it lies in.
__kernel GROUP void max_pool2d_dx(__global const float* restrict dy,
                                  __global const uchar* restrict index, __global float* restrict dx,
                                  int H, int W, int C, int P, int Q, int R, int S, int stride_h,
                                  int stride_w, int padding_h, int padding_w, int elements,
                                  int items, int chunk) {
  const int vectors = (C + V - 1) / V;
  FOR_ITEMS(i) {
    const int c = i % vectors * V, pixel = i / vectors;
    const int h = pixel / W % H + padding_h, w = pixel % W + padding_w;
    const int p0 = h < R ? 0 : (h - R) / stride_h + 1, p1 = min(P, h / stride_h + 1);
    const int q0 = w < S ? 0 : (w - S) / stride_w + 1, q1 = min(Q, w / stride_w + 1);
    const size_t image = (size_t)(pixel / W / H) * P * Q;
    floatv sum = (floatv)(0.0f);
    for (int p = p0; p < p1; ++p)
      for (int q = q0; q < q1; ++q) {
        const size_t offset = (image + (size_t)p * Q + q) * C + c;
        const intv place = (intv)((h - p * stride_h) * S + w - q * stride_w);
        const intv here = (intv)(load_bytes(index, offset, (size_t)elements) == place);
        sum += select((floatv)(0.0f), load_floats(dy, offset, (size_t)elements), here);
      }
    store_lanes(sum, dx + (size_t)pixel * C + c, C - c);
  }
}

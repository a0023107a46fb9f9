// Batch norm of x [L,C] and its gradient on CPUs, where memory is the limit: an item is `span`
// floats in a row, whatever C, so that reading never jumps. What belongs to the channels (the
// operands, and the sums of an item) is as long as `period`, a multiple of C and of V, of which
// span is a multiple: the float at a position p of x goes with number p % period. It stays in the
// first-level cache.
//
// Operands: rows of `period` floats, each a value per channel over and over: the mean, the scale
// rstd * w, b, and for dx also q and r (see stream_gradient).
#include "common.h"

#ifndef WHOLE
#define WHOLE 0  // 1: the floats of x fill vectors
#endif
#if WHOLE
#define LANES(left) V
#else
#define LANES(left) (left)
#endif

#define AHEAD 1024  // floats: a page of memory, where a processor's own prefetching ends

// `value` of the channels from c on, wherever they come in a row of a period.
static inline void store_operand(floatv value, __global float* row, int c, int C, int period) {
  for (int at = c; at < period; at += C) store_lanes(value, row + at, C - c);
}

// x - center in the first `count` lanes, the others are 0.
static inline floatv difference(__global const float* x, floatv center, int count) {
  if (count >= V) return LOAD(x) - center;
  float centers[V], lanes[V];
  STORE(center, centers);
  for (int lane = 0; lane < V; ++lane) lanes[lane] = lane < count ? x[lane] - centers[lane] : 0.0f;
  return LOAD(lanes);
}

// moments[item, 3, period]: the item's first values, which are a pivot for the others so that a
// large mean does not swallow the deviations, and the sums of the differences and of their squares.
__kernel GROUP void stream_moments(__global const float* restrict x,
                                   __global float* restrict moments, int size, int period, int span,
                                   int items, int chunk) {
  FOR_ITEMS(i) {
    const int begin = i * span, count = min(span, size - begin);
    __global const float* from = x + begin;
    __global float *pivot = moments + (size_t)i * 3 * period, *first = pivot + period;
    __global float* second = first + period;
    for (int c = 0; c < period; c += V) {
      STORE(load_lanes(from + c, count - c), pivot + c);
      STORE((floatv)(0.0f), first + c);
      STORE((floatv)(0.0f), second + c);
    }
    for (int row = 0; row < count; row += period)
      for (int c = 0, end = min(period, count - row); c < end; c += V) {
        PREFETCH(from + row + c + AHEAD);
        const floatv d = difference(from + row + c, LOAD(pivot + c), LANES(end - c));
        STORE(LOAD(first + c) + d, first + c);
        STORE(MULTIPLY_ADD(d, d, LOAD(second + c)), second + c);
      }
  }
}

// An item is V channels: the statistics of the batch, and the running ones. `rows`: those of x in a
// span. Moments are read past the last channel.
__kernel GROUP void stream_statistics(__global const float* restrict moments,
                                      __global float* restrict mean, __global float* restrict rstd,
                                      __global float* restrict running_mean,
                                      __global float* restrict running_var, int L, int C,
                                      int period, int rows, int parts, float eps, float momentum,
                                      int items, int chunk) {
  const int copies = period / C;
  FOR_ITEMS(i) {
    const int c = i * V;
    const floatv center = LOAD(moments + c);
    floatv middle = (floatv)(0.0f), m2 = (floatv)(0.0f);
    for (int pass = 0; pass < 2; ++pass) {
      for (int part = 0; part < parts; ++part)
        for (int copy = 0; copy < copies; ++copy) {
          const int count = (min(rows, L - part * rows) - copy + copies - 1) / copies;
          if (count <= 0) continue;
          __global const float* from = moments + (size_t)part * 3 * period + copy * C + c;
          const floatv first = LOAD(from + period);
          const floatv step = first / (float)count, part_mean = LOAD(from) + step;
          if (pass == 0) {
            middle += (float)count * (part_mean - center);
          } else {
            const floatv d = part_mean - middle;
            m2 += LOAD(from + 2 * period) - first * step + (float)count * d * d;
          }
        }
      if (pass == 0) middle = center + middle / (float)L;
    }
    m2 = fmax(m2, (floatv)(0.0f));
    const floatv before_mean = load_lanes(running_mean + c, C - c);
    const floatv before_var = load_lanes(running_var + c, C - c);
    const floatv unbiased = m2 / fmax((float)L - 1.0f, 1.0f);
    store_lanes(middle, mean + c, C - c);
    store_lanes(1.0f / sqrt(m2 / (float)L + eps), rstd + c, C - c);
    // Those that are not finite must not spoil the running ones.
    const floatv nothing = 0.0f * (middle + m2);
    store_lanes(
        SELECT(nothing == 0.0f, (1.0f - momentum) * before_mean + momentum * middle, before_mean),
        running_mean + c, C - c);
    store_lanes(
        SELECT(nothing == 0.0f, (1.0f - momentum) * before_var + momentum * unbiased, before_var),
        running_var + c, C - c);
  }
}

// An item is V channels: the first three operands.
__kernel GROUP void stream_operands(__global const float* restrict mean,
                                    __global const float* restrict rstd,
                                    __global const float* restrict w,
                                    __global const float* restrict b,
                                    __global float* restrict operands, int affine, int C,
                                    int period, int items, int chunk) {
  FOR_ITEMS(i) {
    const int c = i * V;
    floatv scale = load_lanes(rstd + c, C - c), shift = (floatv)(0.0f);
    if (affine) {
      scale *= load_lanes(w + c, C - c);
      shift = load_lanes(b + c, C - c);
    }
    store_operand(load_lanes(mean + c, C - c), operands, c, C, period);
    store_operand(scale, operands + period, c, C, period);
    store_operand(shift, operands + 2 * period, c, C, period);
  }
}

// y = clamped(normalised x + residual).
__kernel GROUP void stream_normalize(__global const float* restrict x,
                                     __global const float* restrict operands,
                                     __global const float* restrict residual,
                                     __global float* restrict y, int add_residual, float low,
                                     float high, int past_cache, int size, int period, int span,
                                     int items, int chunk) {
  __global const float *mean = operands, *scale = mean + period, *shift = scale + period;
  FOR_ITEMS(i) {
    const int begin = i * span, last = begin + min(span, size - begin);
    for (int row = begin; row < last; row += period)
      for (int c = 0, end = min(period, last - row); c < end; c += V) {
        PREFETCH(x + row + c + AHEAD);
        const floatv centered = load_lanes(x + row + c, LANES(end - c)) - LOAD(mean + c);
        floatv value = MULTIPLY_ADD(centered, LOAD(scale + c), LOAD(shift + c));
        if (add_residual) value += load_lanes(residual + row + c, LANES(end - c));
        store_output(clamped(value, low, high), y + row + c, LANES(end - c), past_cache);
      }
  }
}

// sums[item, 2, period] of dy * (x - mean) and of dy, where an activation has let y through (low
// and high are infinite without one).
__kernel GROUP void stream_sums(__global const float* restrict x, __global const float* restrict dy,
                                __global const float* restrict operands,
                                __global float* restrict sums, float low, float high, int size,
                                int period, int span, int items, int chunk) {
  __global const float *mean = operands, *scale = mean + period, *shift = scale + period;
  FOR_ITEMS(i) {
    const int begin = i * span, last = begin + min(span, size - begin);
    __global float *dw = sums + (size_t)i * 2 * period, *db = dw + period;
    for (int c = 0; c < 2 * period; c += V) STORE((floatv)(0.0f), dw + c);
    for (int row = begin; row < last; row += period)
      for (int c = 0, end = min(period, last - row); c < end; c += V) {
        PREFETCH(x + row + c + AHEAD);
        PREFETCH(dy + row + c + AHEAD);
        const floatv centered = load_lanes(x + row + c, LANES(end - c)) - LOAD(mean + c);
        const floatv y = MULTIPLY_ADD(centered, LOAD(scale + c), LOAD(shift + c));
        const floatv gradient =
            where_inside(y, low, high, load_lanes(dy + row + c, LANES(end - c)));
        STORE(MULTIPLY_ADD(gradient, centered, LOAD(dw + c)), dw + c);
        STORE(LOAD(db + c) + gradient, db + c);
      }
  }
}

// An item is V channels: dw and db from the sums of all parts, and the operands q and r of
// dx = dy * rstd * w - (x - mean) * q - r. `share` is 1 / L, or 0 if the statistics are constant.
// Sums are read past the last channel.
__kernel GROUP void stream_gradient(__global const float* restrict sums,
                                    __global const float* restrict rstd,
                                    __global float* restrict dw, __global float* restrict db,
                                    __global float* restrict operands, int C, int period, int parts,
                                    float share, int items, int chunk) {
  FOR_ITEMS(i) {
    const int c = i * V;
    floatv products = (floatv)(0.0f), total = (floatv)(0.0f);
    for (int part = 0; part < parts; ++part)
      for (int at = c; at < period; at += C) {
        products += LOAD(sums + (size_t)part * 2 * period + at);
        total += LOAD(sums + ((size_t)part * 2 + 1) * period + at);
      }
    const floatv k = load_lanes(rstd + c, C - c);
    const floatv scale = load_lanes(operands + period + c, C - c) * share;
    store_lanes(products * k, dw + c, C - c);
    store_lanes(total, db + c, C - c);
    store_operand(scale * k * k * products, operands + 3 * period, c, C, period);
    store_operand(scale * total, operands + 4 * period, c, C, period);
  }
}

// dx of all floats.
__kernel GROUP void stream_dx(__global const float* restrict x, __global const float* restrict dy,
                              __global const float* restrict operands, __global float* restrict dx,
                              float low, float high, int past_cache, int size, int period, int span,
                              int items, int chunk) {
  __global const float *mean = operands, *scale = mean + period, *shift = scale + period;
  __global const float *q = shift + period, *r = q + period;
  FOR_ITEMS(i) {
    const int begin = i * span, last = begin + min(span, size - begin);
    for (int row = begin; row < last; row += period)
      for (int c = 0, end = min(period, last - row); c < end; c += V) {
        PREFETCH(x + row + c + AHEAD);
        PREFETCH(dy + row + c + AHEAD);
        const floatv centered = load_lanes(x + row + c, LANES(end - c)) - LOAD(mean + c);
        const floatv p = LOAD(scale + c);
        const floatv y = MULTIPLY_ADD(centered, p, LOAD(shift + c));
        const floatv gradient =
            where_inside(y, low, high, load_lanes(dy + row + c, LANES(end - c)));
        store_output(gradient * p - centered * LOAD(q + c) - LOAD(r + c), dx + row + c,
                     LANES(end - c), past_cache);
      }
  }
}

// Batch norm of x [L,C] and its gradient on CPUs, where memory is the limit: a work-item processes
// `span` consecutive floats, for any C, so that it reads sequentially. Values of the channels (the
// operands, and the sums of a work-item) are repeated to `period` floats, a multiple of C and of V
// that divides span: the float at position p of x uses value p % period. They stay in the
// first-level cache.
//
// Operands: rows of `period` floats, each with the repeated values of the channels: the mean, the
// scale rstd * w, b, and for dx also q and r (see stream_gradient).
#include "common.h"
#include "normalization_params.h"

#ifndef WHOLE
#define WHOLE 0  // 1: the floats of x fill vectors
#endif
#if WHOLE
#define LANES(left) V
#else
#define LANES(left) (left)
#endif

#define AHEAD 1024  // floats: a page of memory, where a processor's own prefetching ends

// Writes `value` of the channels from c on to all their repetitions in a period.
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

// moments[work-item, 3, period]: the work-item's first values, a pivot so that a large mean does
// not cancel the deviations, and the sums of the differences and of their squares.
__kernel GROUP void stream_moments(__global const float* restrict x,
                                   __global float* restrict moments, const StreamParams args,
                                   int items, int chunk) {
  FOR_ITEMS(i) {
    const int begin = i * args.span, count = min(args.span, args.size - begin);
    __global const float* from = x + begin;
    __global float *pivot = moments + (size_t)i * 3 * args.period, *first = pivot + args.period;
    __global float* second = first + args.period;
    for (int c = 0; c < args.period; c += V) {
      STORE(load_lanes(from + c, count - c), pivot + c);
      STORE((floatv)(0.0f), first + c);
      STORE((floatv)(0.0f), second + c);
    }
    for (int row = 0; row < count; row += args.period)
      for (int c = 0, end = min(args.period, count - row); c < end; c += V) {
        PREFETCH(from + row + c + AHEAD);
        const floatv d = difference(from + row + c, LOAD(pivot + c), LANES(end - c));
        STORE(LOAD(first + c) + d, first + c);
        STORE(MULTIPLY_ADD(d, d, LOAD(second + c)), second + c);
      }
  }
}

// A work-item computes V channels: the statistics of the batch, and the running ones. `rows`: rows
// of x in a span. Moments are read past the last channel.
__kernel GROUP void stream_statistics(__global const float* restrict moments,
                                      __global float* restrict mean, __global float* restrict rstd,
                                      __global float* restrict running_mean,
                                      __global float* restrict running_var,
                                      const StreamStatisticsParams args, int items, int chunk) {
  const int L = args.L, C = args.C;
  const int copies = args.period / C;
  FOR_ITEMS(i) {
    const int c = i * V;
    const floatv center = LOAD(moments + c);
    floatv middle = (floatv)(0.0f), m2 = (floatv)(0.0f);
    for (int pass = 0; pass < 2; ++pass) {
      for (int part = 0; part < args.parts; ++part)
        for (int copy = 0; copy < copies; ++copy) {
          const int count = (min(args.rows, L - part * args.rows) - copy + copies - 1) / copies;
          if (count <= 0) continue;
          __global const float* from = moments + (size_t)part * 3 * args.period + copy * C + c;
          const floatv first = LOAD(from + args.period);
          const floatv step = first / (float)count, part_mean = LOAD(from) + step;
          if (pass == 0) {
            middle += (float)count * (part_mean - center);
          } else {
            const floatv d = part_mean - middle;
            m2 += LOAD(from + 2 * args.period) - first * step + (float)count * d * d;
          }
        }
      if (pass == 0) middle = center + middle / (float)L;
    }
    m2 = fmax(m2, (floatv)(0.0f));
    const floatv before_mean = load_lanes(running_mean + c, C - c);
    const floatv before_var = load_lanes(running_var + c, C - c);
    const floatv unbiased = m2 / fmax((float)L - 1.0f, 1.0f);
    store_lanes(middle, mean + c, C - c);
    store_lanes(1.0f / sqrt(m2 / (float)L + args.eps), rstd + c, C - c);
    // Non-finite statistics must not corrupt the running ones.
    const floatv nothing = 0.0f * (middle + m2);
    store_lanes(SELECT(nothing == 0.0f,
                       (1.0f - args.momentum) * before_mean + args.momentum * middle, before_mean),
                running_mean + c, C - c);
    store_lanes(SELECT(nothing == 0.0f,
                       (1.0f - args.momentum) * before_var + args.momentum * unbiased, before_var),
                running_var + c, C - c);
  }
}

// A work-item computes V channels: the first three operands.
__kernel GROUP void stream_operands(__global const float* restrict mean,
                                    __global const float* restrict rstd,
                                    __global const float* restrict w,
                                    __global const float* restrict b,
                                    __global float* restrict operands,
                                    const StreamOperandsParams args, int items, int chunk) {
  const int C = args.C;
  FOR_ITEMS(i) {
    const int c = i * V;
    floatv scale = load_lanes(rstd + c, C - c), shift = (floatv)(0.0f);
    if (args.affine) {
      scale *= load_lanes(w + c, C - c);
      shift = load_lanes(b + c, C - c);
    }
    store_operand(load_lanes(mean + c, C - c), operands, c, C, args.period);
    store_operand(scale, operands + args.period, c, C, args.period);
    store_operand(shift, operands + 2 * args.period, c, C, args.period);
  }
}

// y = clamped(normalized x + residual).
__kernel GROUP void stream_normalize(__global const float* restrict x,
                                     __global const float* restrict operands,
                                     __global float* restrict y, const StreamParams args,
                                     int non_temporal, __global const float* restrict residual,
                                     const EpilogueParams epilogue, int items, int chunk) {
  __global const float *mean = operands, *scale = mean + args.period, *shift = scale + args.period;
  FOR_ITEMS(i) {
    const int begin = i * args.span, last = begin + min(args.span, args.size - begin);
    for (int row = begin; row < last; row += args.period)
      for (int c = 0, end = min(args.period, last - row); c < end; c += V) {
        PREFETCH(x + row + c + AHEAD);
        const floatv centered = load_lanes(x + row + c, LANES(end - c)) - LOAD(mean + c);
        const floatv value = MULTIPLY_ADD(centered, LOAD(scale + c), LOAD(shift + c));
        store_output(finished(value, row + c, LANES(end - c), residual, epilogue), y + row + c,
                     LANES(end - c), non_temporal);
      }
  }
}

// sums[work-item, 2, period] of dy * (x - mean) and of dy, where the activation did not clamp y
// (low and high are infinite without one).
__kernel GROUP void stream_sums(__global const float* restrict x, __global const float* restrict dy,
                                __global const float* restrict operands,
                                __global float* restrict sums, const ActivationRange range,
                                const StreamParams args, int items, int chunk) {
  __global const float *mean = operands, *scale = mean + args.period, *shift = scale + args.period;
  FOR_ITEMS(i) {
    const int begin = i * args.span, last = begin + min(args.span, args.size - begin);
    __global float *dw = sums + (size_t)i * 2 * args.period, *db = dw + args.period;
    for (int c = 0; c < 2 * args.period; c += V) STORE((floatv)(0.0f), dw + c);
    for (int row = begin; row < last; row += args.period)
      for (int c = 0, end = min(args.period, last - row); c < end; c += V) {
        PREFETCH(x + row + c + AHEAD);
        PREFETCH(dy + row + c + AHEAD);
        const floatv centered = load_lanes(x + row + c, LANES(end - c)) - LOAD(mean + c);
        const floatv y = MULTIPLY_ADD(centered, LOAD(scale + c), LOAD(shift + c));
        const floatv gradient =
            where_inside(y, range.low, range.high, load_lanes(dy + row + c, LANES(end - c)));
        STORE(MULTIPLY_ADD(gradient, centered, LOAD(dw + c)), dw + c);
        STORE(LOAD(db + c) + gradient, db + c);
      }
  }
}

// A work-item computes V channels: dw and db from the sums of all parts, and the operands q and r
// of dx = dy * rstd * w - (x - mean) * q - r. `share` is 1 / L, or 0 if the statistics are
// constant. Sums are read past the last channel.
__kernel GROUP void stream_gradient(__global const float* restrict sums,
                                    __global const float* restrict rstd,
                                    __global float* restrict dw, __global float* restrict db,
                                    __global float* restrict operands,
                                    const StreamGradientParams args, int items, int chunk) {
  const int C = args.C;
  FOR_ITEMS(i) {
    const int c = i * V;
    floatv products = (floatv)(0.0f), total = (floatv)(0.0f);
    for (int part = 0; part < args.parts; ++part)
      for (int at = c; at < args.period; at += C) {
        products += LOAD(sums + (size_t)part * 2 * args.period + at);
        total += LOAD(sums + ((size_t)part * 2 + 1) * args.period + at);
      }
    const floatv k = load_lanes(rstd + c, C - c);
    const floatv scale = load_lanes(operands + args.period + c, C - c) * args.share;
    store_lanes(products * k, dw + c, C - c);
    store_lanes(total, db + c, C - c);
    store_operand(scale * k * k * products, operands + 3 * args.period, c, C, args.period);
    store_operand(scale * total, operands + 4 * args.period, c, C, args.period);
  }
}

// dx of all floats.
__kernel GROUP void stream_dx(__global const float* restrict x, __global const float* restrict dy,
                              __global const float* restrict operands, __global float* restrict dx,
                              const ActivationRange range, int non_temporal,
                              const StreamParams args, int items, int chunk) {
  __global const float *mean = operands, *scale = mean + args.period, *shift = scale + args.period;
  __global const float *q = shift + args.period, *r = q + args.period;
  FOR_ITEMS(i) {
    const int begin = i * args.span, last = begin + min(args.span, args.size - begin);
    for (int row = begin; row < last; row += args.period)
      for (int c = 0, end = min(args.period, last - row); c < end; c += V) {
        PREFETCH(x + row + c + AHEAD);
        PREFETCH(dy + row + c + AHEAD);
        const floatv centered = load_lanes(x + row + c, LANES(end - c)) - LOAD(mean + c);
        const floatv p = LOAD(scale + c);
        const floatv y = MULTIPLY_ADD(centered, p, LOAD(shift + c));
        const floatv gradient =
            where_inside(y, range.low, range.high, load_lanes(dy + row + c, LANES(end - c)));
        store_output(gradient * p - centered * LOAD(q + c) - LOAD(r + c), dx + row + c,
                     LANES(end - c), non_temporal);
      }
  }
}

// Normalization of x [N,L,G,D] over L and D (engine/ops/normalization.h), C = G*D. Rows are cut
// into parts of `length` rows, each within one sample; partial results are pairs of rows [parts, 2,
// C], added up in order. The order of additions depends on the shape only.
#include "common.h"
#include "normalization_params.h"

// The statistic of sample n for the columns from c on.
static inline floatv load_statistic(__global const float* s, int n, int c, int G, int D) {
  if (D == 1) return load_lanes(s + (size_t)n * G + c, G - c);
  float lanes[V];
  for (int lane = 0; lane < V; ++lane) lanes[lane] = s[(size_t)n * G + min((c + lane) / D, G - 1)];
  return LOAD(lanes);
}

static inline floatv load_weight(__global const float* w, int affine, int c, int C,
                                 float otherwise) {
  return affine ? load_lanes(w + c, C - c) : (floatv)(otherwise);
}

// A work-item computes V columns of one part of a sample: mean and sum of squared deviations. Sums
// differences to the mean so far, so that a large mean does not cancel the deviations.
__kernel GROUP void normalization_moments(__global const float* restrict x,
                                          __global float* restrict moments,
                                          const NormalizationMomentsParams args, int items,
                                          int chunk) {
  const int L = args.L, C = args.C;
  const int vectors = (C + V - 1) / V;
  FOR_ITEMS(i) {
    const int c = i % vectors * V, part = i / vectors % args.parts, n = i / vectors / args.parts;
    const int begin = part * args.length, end = min(begin + args.length, L);
    const size_t base = (size_t)n * L * C + c;
    floatv mean = load_lanes(x + base + (size_t)begin * C, C - c), m2 = (floatv)(0.0f);
    int block = 8;
    for (int row = begin; row < end;) {
      const int block_end = min(row + block, end);
      floatv first = (floatv)(0.0f), second = (floatv)(0.0f);
      for (; row < block_end; ++row) {
        const floatv d = load_lanes(x + base + (size_t)row * C, C - c) - mean;
        first += d;
        second = MULTIPLY_ADD(d, d, second);
      }
      const floatv step = first / (float)(row - begin);
      mean += step;
      m2 += second - first * step;
      block = 64;
    }
    __global float* to = moments + ((size_t)n * args.parts + part) * 2 * C + c;
    store_lanes(mean, to, C - c);
    store_lanes(m2, to + C, C - c);
  }
}

// The mean and the sum of squared deviations of group i = n*G+g from those of its parts.
static inline float2 merge_moments(__global const float* moments, int i, int L, int G, int D,
                                   int parts, int length) {
  const int C = G * D;
  __global const float* from = moments + (size_t)(i / G) * parts * 2 * C + i % G * D;
  const float center = from[0];
  float mean = 0.0f, m2 = 0.0f;
  for (int part = 0; part < parts; ++part) {
    const float count = (float)(min((part + 1) * length, L) - part * length);
    for (int d = 0; d < D; ++d) mean += count * (from[(size_t)part * 2 * C + d] - center);
  }
  mean = center + mean / ((float)L * (float)D);
  for (int part = 0; part < parts; ++part) {
    const float count = (float)(min((part + 1) * length, L) - part * length);
    for (int d = 0; d < D; ++d) {
      const float difference = from[(size_t)part * 2 * C + d] - mean;
      m2 += from[((size_t)part * 2 + 1) * C + d] + count * difference * difference;
    }
  }
  return (float2)(mean, fmax(m2, 0.0f));
}

// A work-item computes a group.
__kernel GROUP void normalization_statistics(__global const float* restrict moments,
                                             __global float* restrict mean,
                                             __global float* restrict rstd,
                                             const NormalizationStatisticsParams args, int items,
                                             int chunk) {
  const int L = args.L, G = args.G, D = args.D;
  FOR_ITEMS(i) {
    const float2 m = merge_moments(moments, i, L, G, D, args.parts, args.length);
    mean[i] = m.x;
    rstd[i] = 1.0f / sqrt(m.y / ((float)L * (float)D) + args.eps);
  }
}

// As above for a batch norm, and the running statistics. These stay unchanged if the batch's are
// not finite, since a skipped step must not corrupt them.
__kernel GROUP void batch_norm_statistics(__global const float* restrict moments,
                                          __global float* restrict mean,
                                          __global float* restrict rstd,
                                          __global float* restrict running_mean,
                                          __global float* restrict running_var,
                                          const BatchNormStatisticsParams args, int items,
                                          int chunk) {
  const int L = args.L, G = args.G;
  FOR_ITEMS(i) {
    const float2 m = merge_moments(moments, i, L, G, 1, args.parts, args.length);
    mean[i] = m.x;
    rstd[i] = 1.0f / sqrt(m.y / (float)L + args.eps);
    if (!isfinite(m.x) || !isfinite(m.y)) continue;
    running_mean[i] = (1.0f - args.momentum) * running_mean[i] + args.momentum * m.x;
    running_var[i] = (1.0f - args.momentum) * running_var[i] +
                     args.momentum * (m.y / fmax((float)L - 1.0f, 1.0f));
  }
}

__kernel GROUP void batch_norm_rstd(__global const float* restrict var,
                                    __global float* restrict rstd, float eps, int items,
                                    int chunk) {
  FOR_ITEMS(i) rstd[i] = 1.0f / sqrt(var[i] + eps);
}

// A work-item computes V columns of `length` rows of a sample: y = clamped(normalized x +
// residual).
__kernel GROUP void normalize_columns(
    __global const float* restrict x, __global const float* restrict mean,
    __global const float* restrict rstd, __global const float* restrict w,
    __global const float* restrict b, __global float* restrict y, const NormalizeColumnsParams args,
    __global const float* restrict residual, const EpilogueParams epilogue, int items, int chunk) {
  const int L = args.L, G = args.G, D = args.D;
  const int C = G * D, vectors = (C + V - 1) / V;
  FOR_ITEMS(i) {
    const int c = i % vectors * V, part = i / vectors % args.parts, n = i / vectors / args.parts;
    const floatv center = load_statistic(mean, n, c, G, D);
    const floatv scale = load_statistic(rstd, n, c, G, D) * load_weight(w, args.affine, c, C, 1.0f);
    const floatv shift = load_weight(b, args.affine, c, C, 0.0f);
    for (int l = part * args.length, end = min(l + args.length, L); l < end; ++l) {
      const size_t at = ((size_t)n * L + l) * C + c;
      const floatv value = MULTIPLY_ADD(load_lanes(x + at, C - c) - center, scale, shift);
      store_lanes(finished(value, at, C - c, residual, epilogue), y + at, C - c);
    }
  }
}

// For samples of a single row: a work-item computes a group.
__kernel GROUP void normalize_rows(__global const float* restrict x,
                                   __global const float* restrict w,
                                   __global const float* restrict b, __global float* restrict y,
                                   __global float* restrict mean, __global float* restrict rstd,
                                   const NormalizeRowsParams args, int items, int chunk) {
  const int G = args.G, D = args.D;
  FOR_ITEMS(i) {
    const int first = i % G * D;
    const size_t base = (size_t)i * D;
    floatv sums = (floatv)(0.0f);
    for (int d = 0; d < D; d += V) sums += load_lanes(x + base + d, D - d);
    const float center = lane_sum(sums) / (float)D;
    sums = (floatv)(0.0f);
    for (int d = 0; d < D; d += V) {
      const floatv v =
          (D - d >= V ? LOAD(x + base + d) : load_first(x + base + d, D - d, center)) - center;
      sums = MULTIPLY_ADD(v, v, sums);
    }
    const float scale = 1.0f / sqrt(lane_sum(sums) / (float)D + args.eps);
    mean[i] = center;
    rstd[i] = scale;
    for (int d = 0; d < D; d += V)
      store_lanes(MULTIPLY_ADD((load_lanes(x + base + d, D - d) - center) * scale,
                               load_weight(w + first, args.affine, d, D, 1.0f),
                               load_weight(b + first, args.affine, d, D, 0.0f)),
                  y + base + d, D - d);
  }
}

// A work-item computes V columns of one part: the sums of dy * xhat and of dy, where the activation
// did not clamp y (low and high are infinite without one). Each `per_statistic` rows share mean and
// rstd, and so do the rows of a part, or else per_statistic is 1.
__kernel GROUP void normalization_sums(
    __global const float* restrict x, __global const float* restrict dy,
    __global const float* restrict mean, __global const float* restrict rstd,
    __global const float* restrict w, __global const float* restrict b,
    __global float* restrict sums, const NormalizationSumsParams args, int items, int chunk) {
  const int L = args.L, G = args.G, D = args.D;
  const int C = G * D, vectors = (C + V - 1) / V;
  FOR_ITEMS(i) {
    const int c = i % vectors * V, part = i / vectors % args.parts, n = i / vectors / args.parts;
    const int begin = n * L + part * args.length, end = min(begin + args.length, (n + 1) * L);
    const floatv weight = load_weight(w, args.affine, c, C, 1.0f),
                 bias = load_weight(b, args.affine, c, C, 0.0f);
    floatv center, scale, dw = (floatv)(0.0f), db = (floatv)(0.0f);
    for (int row = begin; row < end; ++row) {
      if (row == begin || args.per_statistic == 1) {
        center = load_statistic(mean, row / args.per_statistic, c, G, D);
        scale = load_statistic(rstd, row / args.per_statistic, c, G, D);
      }
      const size_t at = (size_t)row * C + c;
      const floatv centered = load_lanes(x + at, C - c) - center;
      const floatv y = MULTIPLY_ADD(centered, scale * weight, bias);
      const floatv gradient = where_inside(y, args.low, args.high, load_lanes(dy + at, C - c));
      db += gradient;
      dw = MULTIPLY_ADD(gradient * scale, centered, dw);
    }
    __global float* to = sums + ((size_t)n * args.parts + part) * 2 * C + c;
    store_lanes(dw, to, C - c);
    store_lanes(db, to + C, C - c);
  }
}

// A work-item computes V columns: dw and db from all parts.
__kernel GROUP void normalization_parameters(__global const float* restrict sums,
                                             __global float* restrict dw,
                                             __global float* restrict db, int C, int parts,
                                             int items, int chunk) {
  FOR_ITEMS(i) {
    const int c = i * V;
    floatv w = (floatv)(0.0f), b = (floatv)(0.0f);
    for (int part = 0; part < parts; ++part) {
      w += load_lanes(sums + (size_t)part * 2 * C + c, C - c);
      b += load_lanes(sums + ((size_t)part * 2 + 1) * C + c, C - c);
    }
    store_lanes(w, dw + c, C - c);
    store_lanes(b, db + c, C - c);
  }
}

// A work-item computes a group: dx = dy * rstd * w - (x - mean) * q - r; r follows q in memory.
__kernel GROUP void normalization_coefficients(__global const float* restrict sums,
                                               __global const float* restrict rstd,
                                               __global const float* restrict w,
                                               __global float* restrict coefficients,
                                               const NormalizationCoefficientsParams args,
                                               int items, int chunk) {
  const int G = args.G, D = args.D;
  const int C = G * D;
  FOR_ITEMS(i) {
    __global const float* from = sums + (size_t)(i / G) * args.parts * 2 * C + i % G * D;
    float dw = 0.0f, db = 0.0f;
    for (int part = 0; part < args.parts; ++part)
      for (int d = 0; d < D; ++d) {
        const float weight = args.affine ? w[i % G * D + d] : 1.0f;
        dw += weight * from[(size_t)part * 2 * C + d];
        db += weight * from[((size_t)part * 2 + 1) * C + d];
      }
    coefficients[i] = args.scale * rstd[i] * rstd[i] * dw;
    coefficients[items + i] = args.scale * rstd[i] * db;
  }
}

// A work-item computes V columns of `length` rows of a sample; `groups` is the total number of
// groups.
__kernel GROUP void normalize_columns_dx(
    __global const float* restrict x, __global const float* restrict dy,
    __global const float* restrict mean, __global const float* restrict rstd,
    __global const float* restrict w, __global const float* restrict b,
    __global const float* restrict coefficients, __global float* restrict dx,
    const NormalizeColumnsDxParams args, int items, int chunk) {
  const int L = args.L, G = args.G, D = args.D;
  const int C = G * D, vectors = (C + V - 1) / V;
  FOR_ITEMS(i) {
    const int c = i % vectors * V, part = i / vectors % args.parts, n = i / vectors / args.parts;
    const floatv center = load_statistic(mean, n, c, G, D);
    const floatv p = load_statistic(rstd, n, c, G, D) * load_weight(w, args.affine, c, C, 1.0f);
    const floatv q = load_statistic(coefficients, n, c, G, D);
    const floatv r = load_statistic(coefficients + args.groups, n, c, G, D);
    const floatv bias = load_weight(b, args.affine, c, C, 0.0f);
    for (int l = part * args.length, end = min(l + args.length, L); l < end; ++l) {
      const size_t at = ((size_t)n * L + l) * C + c;
      const floatv centered = load_lanes(x + at, C - c) - center;
      const floatv y = MULTIPLY_ADD(centered, p, bias);
      const floatv gradient = where_inside(y, args.low, args.high, load_lanes(dy + at, C - c));
      store_lanes(gradient * p - centered * q - r, dx + at, C - c);
    }
  }
}

// For samples of a single row: a work-item computes a group.
__kernel GROUP void normalize_rows_dx(__global const float* restrict x,
                                      __global const float* restrict dy,
                                      __global const float* restrict mean,
                                      __global const float* restrict rstd,
                                      __global const float* restrict w, __global float* restrict dx,
                                      const NormalizeRowsDxParams args, int items, int chunk) {
  const int G = args.G, D = args.D;
  FOR_ITEMS(i) {
    const int first = i % G * D;
    const size_t base = (size_t)i * D;
    floatv products = (floatv)(0.0f), total = (floatv)(0.0f);
    for (int d = 0; d < D; d += V) {
      const floatv g =
          load_lanes(dy + base + d, D - d) * load_weight(w + first, args.affine, d, D, 1.0f);
      total += g;
      products = MULTIPLY_ADD(g, load_lanes(x + base + d, D - d) - mean[i], products);
    }
    const float k = rstd[i];
    const float q = args.scale * k * k * k * lane_sum(products),
                r = args.scale * k * lane_sum(total);
    for (int d = 0; d < D; d += V) {
      const floatv g =
          load_lanes(dy + base + d, D - d) * load_weight(w + first, args.affine, d, D, 1.0f);
      store_lanes(g * k - (load_lanes(x + base + d, D - d) - mean[i]) * q - r, dx + base + d,
                  D - d);
    }
  }
}

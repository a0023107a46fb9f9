// What the two algorithms of the normalizations share.
#pragma once

#include <cmath>

#include "backends/cpu/lowering/variant.h"
#include "engine/ops/epilogue.h"
#include "engine/ops/normalization.h"

namespace TESSERA_CPU_NAMESPACE {

inline float rstd_of(double variance, double eps) {
  return static_cast<float>(1 / std::sqrt(std::max(variance, 0.0) + eps));
}

struct NormalizationGradient {
  const float *x, *dy, *mean, *rstd, *w, *b;
  float *dx, *dw, *db;
  bool constant;
  Clamp clamp;  ///< dy is that of what is left of y

  explicit NormalizationGradient(const BoundNode& node)
      : x(node.input(0)),
        dy(node.input(1)),
        mean(node.input(2)),
        rstd(node.input(3)),
        w(node.optional_input(4)),
        b(node.optional_input(5)),
        dx(node.output(0)),
        dw(node.output(1)),
        db(node.output(2)),
        constant(node.attributes().integer("constant_statistics") != 0),
        clamp(activation_clamp(node.attributes())) {}
};

/// dw and db are the sums of `count` pairs of rows [C]: first dw, then db.
inline void add_sums(const float* pairs, std::int64_t count, std::int64_t C,
                     const NormalizationGradient& o, ThreadPool& pool) {
  const std::int64_t chunks = chunk_count(C, static_cast<double>(count));
  pool.for_each(chunks, [&](std::int64_t chunk, int) {
    const Range range = chunk_range(C, chunks, chunk, 16);
    for (std::int64_t c = range.begin; c < range.end; ++c) {
      double dw = 0, db = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        dw += double{pairs[i * 2 * C + c]};
        db += double{pairs[(i * 2 + 1) * C + c]};
      }
      o.dw[c] = static_cast<float>(dw);
      o.db[c] = static_cast<float>(db);
    }
  });
}

std::string refuse_rows(const DeviceNode& node);
Step lower_rows(const BoundNode& node);
Step lower_dx_rows(const BoundNode& node);

}  // namespace TESSERA_CPU_NAMESPACE

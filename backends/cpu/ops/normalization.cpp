// Normalizations and their gradient. "columns" cuts the rows of each sample into slices, whose
// moments are merged in a fixed order; "rows" is for samples that are a single row (layer norm).
#include "backends/cpu/ops/normalization.h"

#include "backends/cpu/ops/simd.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

using Geometry = NormalizationGeometry;

/// The rows of all samples in slices, none of which belongs to two samples.
struct Slices {
  Geometry g;
  std::int64_t parts;   ///< of a sample
  std::int64_t count;   ///< in all
  std::int64_t chunks;  ///< in which threads take them

  Slices(const Geometry& geometry, double ns_per_element) : g(geometry) {
    const double row_ns = ns_per_element * static_cast<double>(g.C()) + 5;
    parts = std::max<std::int64_t>(
        1, std::min(g.L, chunk_count(g.N * g.L, row_ns) / std::max<std::int64_t>(1, g.N)));
    count = g.N * parts;
    chunks = chunk_count(count, row_ns * static_cast<double>(g.L / parts));
  }
  std::int64_t sample(std::int64_t slice) const { return slice / parts; }
  Range rows(std::int64_t slice) const {
    const Range range = chunk_range(g.L, parts, slice % parts);
    return {sample(slice) * g.L + range.begin, sample(slice) * g.L + range.end};
  }
  template <typename Function>
  void for_each(ThreadPool& pool, const Function& f) const {
    pool.for_each(chunks, [&](std::int64_t chunk, int) {
      const Tail tail(g.C() % lanes);
      const Range range = chunk_range(count, chunks, chunk);
      for (std::int64_t slice = range.begin; slice < range.end; ++slice) f(slice, tail);
    });
  }
};

/// Mean and sum of squared deviations of each column of a slice in moments[0..C) and [C..2C); the
/// next 2C floats are scratch. Sums are of differences to the mean so far, so that a large mean
/// does not swallow the deviations.
void slice_moments(const float* x, std::int64_t rows, std::int64_t C, const Tail& tail,
                   float* moments) {
  float *mean = moments, *m2 = mean + C, *first = m2 + C, *second = first + C;
  std::copy_n(x, C, mean);
  std::fill_n(m2, C, 0.0f);
  for (std::int64_t done = 0, block = 8; done < rows; done += block, block = 64) {
    block = std::min(block, rows - done);
    std::fill_n(first, 2 * C, 0.0f);
    const float* row = x + done * C;
    std::int64_t i = 0;
    for (; i + 4 <= block; i += 4, row += 4 * C)
      for_vectors(C, tail, [&](std::int64_t c, const auto& access) {
        const Vec center = access.load(mean + c);
        repeat<4>([&](auto k) { prefetch(row + k * C + c + prefetch_floats); });
        const Vec a = access.load(row + c) - center, b = access.load(row + C + c) - center;
        const Vec d = access.load(row + 2 * C + c) - center;
        const Vec e = access.load(row + 3 * C + c) - center;
        access.store(first + c, access.load(first + c) + ((a + b) + (d + e)));
        access.store(second + c, access.load(second + c) + ((a * a + b * b) + (d * d + e * e)));
      });
    for (; i < block; ++i, row += C)
      for_vectors(C, tail, [&](std::int64_t c, const auto& access) {
        const Vec a = access.load(row + c) - access.load(mean + c);
        access.store(first + c, access.load(first + c) + a);
        access.store(second + c, access.load(second + c) + a * a);
      });
    const float scale = 1 / static_cast<float>(done + block);
    for (std::int64_t c = 0; c < C; ++c) {
      mean[c] += first[c] * scale;
      m2[c] += second[c] - first[c] * first[c] * scale;
    }
  }
}

struct Moments {
  double mean, m2;
};

/// The moments of group `group` of a sample, from those of its slices.
Moments group_moments(const Slices& s, const float* moments, std::int64_t sample,
                      std::int64_t group) {
  const std::int64_t C = s.g.C();
  Moments all{0, 0};
  const auto for_parts = [&](const auto& f) {
    for (std::int64_t slice = sample * s.parts; slice < (sample + 1) * s.parts; ++slice) {
      const Range rows = s.rows(slice);
      const float* from = moments + slice * 4 * C + group * s.g.D;
      for (std::int64_t d = 0; d < s.g.D; ++d)
        f(static_cast<double>(rows.end - rows.begin), double{from[d]}, double{from[C + d]});
    }
  };
  for_parts([&](double count, double mean, double) { all.mean += count * mean; });
  all.mean /= static_cast<double>(s.g.elements_of_group());
  for_parts([&](double count, double mean, double m2) {
    all.m2 += m2 + count * (mean - all.mean) * (mean - all.mean);
  });
  return all;
}

/// running = (1 - momentum) * running + momentum * batch, the variance unbiased; nothing without
/// pointers, nor where the batch's are not finite: a step that is skipped must not spoil them.
struct Running {
  float *mean = nullptr, *var = nullptr;
  double momentum = 0;

  void update(std::int64_t c, const Moments& m, double count) const {
    if (!mean || !std::isfinite(m.mean) || !std::isfinite(m.m2)) return;
    const auto blend = [&](float& running, double batch) {
      running = static_cast<float>((1 - momentum) * double{running} + momentum * batch);
    };
    blend(mean[c], m.mean);
    blend(var[c], m.m2 / std::max(1.0, count - 1));
  }
};

/// What becomes of a normalized x: y = clamp(y + residual).
struct Finish {
  const float* residual;  ///< nullptr: none
  Clamp clamp;
};

/// y = (x - mean) * scale + shift, row by row; mean and scale [N,C], shift [C].
void normalize_slices(const Slices& s, ThreadPool& pool, const float* x, const float* mean,
                      const float* scale, const float* shift, const Finish& finish, float* y) {
  const std::int64_t C = s.g.C();
  const float* residual = finish.residual;
  s.for_each(pool, [=](std::int64_t slice, const Tail& tail) {
    const Vec low = broadcast(finish.clamp.low), high = broadcast(finish.clamp.high);
    const float *m = mean + s.sample(slice) * C, *k = scale + s.sample(slice) * C;
    const Range rows = s.rows(slice);
    for (std::int64_t row = rows.begin; row < rows.end; ++row)
      for_vectors(C, tail, [&](std::int64_t c, const auto& access) {
        prefetch(x + row * C + c + prefetch_floats);
        const Vec centered = access.load(x + row * C + c) - access.load(m + c);
        Vec v = centered * access.load(k + c) + access.load(shift + c);
        if (residual) v += access.load(residual + row * C + c);
        access.store(y + row * C + c, clamp(v, low, high));
      });
  });
}

void set_shift(const float* bias, std::int64_t C, float* shift) {
  if (bias)
    std::copy_n(bias, C, shift);
  else
    std::fill_n(shift, C, 0.0f);
}

/// Which inputs are weight and residual; the bias is the one after the weight. 0: there is none.
struct Inputs {
  std::size_t weight, residual;

  const float* read(const BoundNode& node, std::size_t input) const {
    return input == 0 ? nullptr : node.input(input);
  }
  const float* w(const BoundNode& node) const { return read(node, weight); }
  const float* b(const BoundNode& node) const { return read(node, weight == 0 ? 0 : weight + 1); }
  Finish finish(const BoundNode& node) const {
    return {read(node, residual), activation_clamp(node.attributes())};
  }
};

Inputs batch_norm_inputs(const BoundNode& node) {
  const BatchNormInputs inputs(node.input_count());
  return {inputs.affine ? 3u : 0u, inputs.residual};
}

Step lower_forward(const BoundNode& node, const Inputs& inputs, const Running& running) {
  const float *x = node.input(0), *w = inputs.w(node), *b = inputs.b(node);
  const Finish finish = inputs.finish(node);
  float *y = node.output(0), *mean = node.output(1), *rstd = node.output(2);
  const Slices s(normalization_geometry(node.input_spec(0), node.attributes()), 0.1);
  const double eps = node.attributes().number("eps");
  const std::int64_t C = s.g.C(), groups = s.g.N * s.g.G;
  const auto count = static_cast<double>(s.g.elements_of_group());
  const std::int64_t chunks = chunk_count(groups, 20 + 2 * static_cast<double>(s.parts * s.g.D));
  const auto run = [=](const StepContext& context) {
    float* moments = context.floats();
    float *means = moments + s.count * 4 * C, *scales = means + s.g.N * C,
          *shift = scales + s.g.N * C;
    s.for_each(context.pool, [=](std::int64_t slice, const Tail& tail) {
      const Range rows = s.rows(slice);
      slice_moments(x + rows.begin * C, rows.end - rows.begin, C, tail, moments + slice * 4 * C);
    });
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(groups, chunks, chunk, 16);
      for (std::int64_t i = range.begin; i < range.end; ++i) {
        const std::int64_t group = i % s.g.G;
        const Moments m = group_moments(s, moments, i / s.g.G, group);
        mean[i] = static_cast<float>(m.mean);
        rstd[i] = rstd_of(m.m2 / count, eps);
        running.update(group, m, count);
        for (std::int64_t d = 0; d < s.g.D; ++d) {
          means[i * s.g.D + d] = mean[i];
          scales[i * s.g.D + d] = w ? rstd[i] * w[group * s.g.D + d] : rstd[i];
        }
      }
    });
    set_shift(b, C, shift);
    normalize_slices(s, context.pool, x, means, scales, shift, finish, y);
  };
  return {run, static_cast<std::size_t>(s.count * 4 * C + 2 * s.g.N * C + C) * sizeof(float)};
}

Step lower_columns(const BoundNode& node) {
  return lower_forward(node, {node.input_count() > 1 ? 1u : 0u, 0}, {});
}

Step lower_batch_norm(const BoundNode& node) {
  return lower_forward(node, batch_norm_inputs(node),
                       {node.output(3), node.output(4), node.attributes().number("momentum")});
}

Step lower_inference(const BoundNode& node) {
  const Inputs inputs = batch_norm_inputs(node);
  const float *x = node.input(0), *mean = node.input(1), *var = node.input(2), *w = inputs.w(node),
              *b = inputs.b(node);
  const Finish finish = inputs.finish(node);
  float *y = node.output(0), *rstd = node.output(1);
  const Slices s(normalization_geometry(node.input_spec(0), node.attributes()), 0.1);
  const double eps = node.attributes().number("eps");
  const std::int64_t C = s.g.C();
  const auto run = [=](const StepContext& context) {
    float *scale = context.floats(), *shift = scale + C;
    for (std::int64_t c = 0; c < C; ++c) {
      rstd[c] = 1 / std::sqrt(var[c] + static_cast<float>(eps));
      scale[c] = w ? rstd[c] * w[c] : rstd[c];
    }
    set_shift(b, C, shift);
    normalize_slices(s, context.pool, x, mean, scale, shift, finish, y);
  };
  return {run, static_cast<std::size_t>(2 * C) * sizeof(float)};
}

// ---- gradient: dx = rstd * (dy * w - mean of dy * w - xhat * mean of dy * w * xhat) -------------

using Gradient = NormalizationGradient;

/// dx = dy * p - (x - mean) * q - r, and what an activation has let through follows from
/// (x - mean) * p + b; tables [N,C], b [C].
struct Coefficients {
  float *mean, *rstd, *p, *q, *r, *b;
  Coefficients(float* memory, std::int64_t count)
      : mean(memory),
        rstd(mean + count),
        p(rstd + count),
        q(p + count),
        r(q + count),
        b(r + count) {}
  Coefficients at(std::int64_t offset) const {
    Coefficients moved = *this;
    for (float** table : {&moved.mean, &moved.rstd, &moved.p, &moved.q, &moved.r}) *table += offset;
    return moved;
  }
};

/// dy of the normalization itself, in what is read from `at` on.
template <bool cut_off, typename Access>
Vec inner_dy(const Gradient& o, const Coefficients& t, std::int64_t at, std::int64_t c,
             const Access& access, Vec centered) {
  const Vec dy = access.load(o.dy + at);
  if constexpr (!cut_off) return dy;
  return where_inside(centered * access.load(t.p + c) + access.load(t.b + c),
                      broadcast(o.clamp.low), broadcast(o.clamp.high), dy);
}

/// Sums over the rows of a slice: sums[0..C) of dy * xhat, [C..2C) of dy.
template <bool cut_off>
void slice_sums(const Gradient& o, const Range& rows, std::int64_t C, const Tail& tail,
                const Coefficients& t, float* sums) {
  std::fill_n(sums, 2 * C, 0.0f);
  const auto add_rows = [&](std::int64_t row, auto together) {
    for_vectors(C, tail, [&](std::int64_t c, const auto& access) {
      Vec dw{}, db{};
      const Vec center = access.load(t.mean + c);
      repeat<together>([&](auto i) {
        const std::int64_t at = (row + i) * C + c;
        prefetch(o.x + at + prefetch_floats);
        prefetch(o.dy + at + prefetch_floats);
        const Vec centered = access.load(o.x + at) - center;
        const Vec dy = inner_dy<cut_off>(o, t, at, c, access, centered);
        dw += dy * centered;
        db += dy;
      });
      access.store(sums + c, access.load(sums + c) + dw * access.load(t.rstd + c));
      access.store(sums + C + c, access.load(sums + C + c) + db);
    });
  };
  std::int64_t row = rows.begin;
  for (; row + 4 <= rows.end; row += 4) add_rows(row, std::integral_constant<int, 4>{});
  for (; row < rows.end; ++row) add_rows(row, std::integral_constant<int, 1>{});
}

void set_coefficients(const Slices& s, const Gradient& o, const float* sums, std::int64_t i,
                      const Coefficients& to) {
  const std::int64_t C = s.g.C(), D = s.g.D, first = i % s.g.G * D;
  double dw = 0, db = 0;  // weighted, over the group
  for (std::int64_t slice = i / s.g.G * s.parts; slice < (i / s.g.G + 1) * s.parts; ++slice)
    for (std::int64_t c = first; c < first + D; ++c) {
      const double w = o.w ? double{o.w[c]} : 1.0;
      dw += w * double{sums[slice * 2 * C + c]};
      db += w * double{sums[(slice * 2 + 1) * C + c]};
    }
  const double rstd = double{o.rstd[i]};
  const double scale = o.constant ? 0 : rstd / static_cast<double>(s.g.elements_of_group());
  for (std::int64_t d = 0; d < D; ++d) {
    to.q[i * D + d] = static_cast<float>(scale * rstd * dw);
    to.r[i * D + d] = static_cast<float>(scale * db);
  }
}

template <bool cut_off>
void apply_coefficients(const Gradient& o, const Range& rows, std::int64_t C, const Tail& tail,
                        const Coefficients& t) {
  for (std::int64_t row = rows.begin; row < rows.end; ++row)
    for_vectors(C, tail, [&](std::int64_t c, const auto& access) {
      const std::int64_t at = row * C + c;
      const Vec centered = access.load(o.x + at) - access.load(t.mean + c);
      const Vec dy = inner_dy<cut_off>(o, t, at, c, access, centered);
      access.store(o.dx + at, dy * access.load(t.p + c) - centered * access.load(t.q + c) -
                                  access.load(t.r + c));
    });
}

/// What stands in the tables before the sums are known.
void set_tables(const Slices& s, const Gradient& o, const Coefficients& to) {
  const std::int64_t C = s.g.C(), D = s.g.D;
  for (std::int64_t i = 0; i < s.g.N * s.g.G; ++i)
    for (std::int64_t d = 0; d < D; ++d) {
      to.mean[i * D + d] = o.mean[i];
      to.rstd[i * D + d] = o.rstd[i];
      to.p[i * D + d] = o.w ? o.rstd[i] * o.w[i % s.g.G * D + d] : o.rstd[i];
    }
  for (std::int64_t c = 0; c < C; ++c) to.b[c] = o.b ? o.b[c] : 0;
}

template <bool cut_off>
Step lower_dx(const BoundNode& node) {
  const Gradient o(node);
  const Slices s(normalization_geometry(node.input_spec(0), node.attributes()), 0.2);
  const std::int64_t C = s.g.C(), D = s.g.D, groups = s.g.N * s.g.G;
  const std::int64_t chunks = chunk_count(groups, 20 + 2 * static_cast<double>(s.parts * D));
  const auto run = [=](const StepContext& context) {
    float* sums = context.floats();
    const Coefficients tables(sums + s.count * 2 * C, s.g.N * C);
    set_tables(s, o, tables);
    s.for_each(context.pool, [=](std::int64_t slice, const Tail& tail) {
      slice_sums<cut_off>(o, s.rows(slice), C, tail, tables.at(s.sample(slice) * C),
                          sums + slice * 2 * C);
    });
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(groups, chunks, chunk, 16);
      for (std::int64_t i = range.begin; i < range.end; ++i)
        set_coefficients(s, o, sums, i, tables);
    });
    add_sums(sums, s.count, C, o, context.pool);
    s.for_each(context.pool, [=](std::int64_t slice, const Tail& tail) {
      apply_coefficients<cut_off>(o, s.rows(slice), C, tail, tables.at(s.sample(slice) * C));
    });
  };
  return {run, static_cast<std::size_t>(s.count * 2 * C + 5 * s.g.N * C + C) * sizeof(float)};
}

Step lower_dx_columns(const BoundNode& node) {
  return node.attributes().has("activation") ? lower_dx<true>(node) : lower_dx<false>(node);
}

}  // namespace

std::vector<OpAlgorithms> normalization_algorithms() {
  return {{"normalize", {{"rows", refuse_rows, lower_rows}, {"columns", nullptr, lower_columns}}},
          {"batch_norm", {{"columns", nullptr, lower_batch_norm}}},
          {"batch_norm_inference", {{"columns", nullptr, lower_inference}}},
          {"normalize_dx",
           {{"rows", refuse_rows, lower_dx_rows}, {"columns", nullptr, lower_dx_columns}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE

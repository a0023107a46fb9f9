// conv2d_dw of depthwise convolutions with vectors over the K filters; see conv2d_depthwise.cpp.
#include "backends/cpu/ops/conv2d.h"
#include "backends/cpu/ops/simd.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

constexpr int most_taps = 4;  // side by side

/// Each chunk of output rows adds to a partial result [R*S,K] of its own.
struct Weights {
  Conv2dGeometry g;
  std::int64_t repeats, chunks;
  Axis rows;
  std::vector<Range> valid;  ///< per column tap: the outputs for which it lies in the source
  const float *x, *dy;

  std::int64_t partial_floats() const { return g.R * g.S * g.K; }
  std::int64_t slab_floats() const { return repeats > 1 ? g.H * g.W * g.K : 0; }
};

struct TapArguments {
  const float* x;
  std::int64_t x_step, tap_step;
  const float* dy;
  std::int64_t K, pixels;
  float* partial;
};

template <int T, typename Access>
[[gnu::always_inline]] inline void add_taps(const TapArguments& a, const Access& access) {
  Vec sums[T] = {};
  for (std::int64_t q = 0; q < a.pixels; ++q) {
    const Vec dy = access.load(a.dy + q * a.K);
    const float* x = a.x + q * a.x_step;
    repeat<T>([&](auto t) { sums[t] += access.load(x + t * a.tap_step) * dy; });
  }
  repeat<T>([&](auto t) {
    float* to = a.partial + t * a.K;
    access.store(to, access.load(to) + sums[t]);
  });
}

/// Adds one row of dy, of which a row of x is one tap row. All pointers are those of a vector.
template <typename Access>
void add_row(const Weights& problem, const float* x, const float* dy, float* partial,
             const Access& access) {
  const Conv2dGeometry& g = problem.g;
  const auto run = [&](auto t, std::int64_t s, Range pixels) {
    if (pixels.begin >= pixels.end) return;
    const TapArguments a = {x + (pixels.begin * g.stride_w + s * g.dilation_w - g.padding_w) * g.K,
                            g.stride_w * g.K,
                            g.dilation_w * g.K,
                            dy + pixels.begin * g.K,
                            g.K,
                            pixels.end - pixels.begin,
                            partial + s * g.K};
    add_taps<t + 1>(a, access);
  };
  const std::integral_constant<int, 0> one;
  const std::int64_t groups = (g.S + most_taps - 1) / most_taps;
  for (std::int64_t group = 0; group < groups; ++group) {
    const Range taps = chunk_range(g.S, groups, group);
    Range common = {0, g.Q};
    for (std::int64_t s = taps.begin; s < taps.end; ++s) {
      const Range& valid = problem.valid[static_cast<std::size_t>(s)];
      common = {std::max(common.begin, valid.begin), std::min(common.end, valid.end)};
    }
    if (common.begin >= common.end) common = {0, 0};
    repeat<most_taps>([&](auto t) {
      if (taps.end - taps.begin == t + 1) run(t, taps.begin, common);
    });
    for (std::int64_t s = taps.begin; s < taps.end; ++s) {
      const Range& valid = problem.valid[static_cast<std::size_t>(s)];
      if (common.end == 0) {
        run(one, s, valid);
        continue;
      }
      run(one, s, {valid.begin, common.begin});
      run(one, s, {common.end, valid.end});
    }
  }
}

void add_rows(const Weights& problem, Range range, float* partial, float* slab) {
  const Conv2dGeometry& g = problem.g;
  const Tail tail(g.K % lanes);
  const std::int64_t row = g.W * g.K;
  std::fill_n(partial, problem.partial_floats(), 0.0f);
  for (std::int64_t u = range.begin; u < range.end;) {
    const std::int64_t n = u / g.P, begin = u % g.P;
    const std::int64_t end = std::min(g.P, begin + range.end - u);
    const float* image = problem.x + n * g.H * g.W * g.C;
    std::int64_t first_row = 0;
    if (problem.repeats > 1) {
      const Range rows = problem.rows.sources({begin, end}, g.H);
      first_row = rows.begin;
      repeat_channels(image + rows.begin * g.W * g.C, (rows.end - rows.begin) * g.W, g.C,
                      problem.repeats, slab);
      image = slab;
    }
    for (std::int64_t p = begin; p < end; ++p) {
      const Range taps = problem.rows.valid_taps(p, g.H);
      const float* dy = problem.dy + (n * g.P + p) * g.Q * g.K;
      for_vectors(g.K, tail, [&](std::int64_t k, const auto& access) {
        for (std::int64_t r = taps.begin; r < taps.end; ++r) {
          const std::int64_t h = p * g.stride_h - g.padding_h + r * g.dilation_h - first_row;
          add_row(problem, image + h * row + k, dy + k, partial + r * g.S * g.K + k, access);
        }
      });
    }
    u += end - begin;
  }
}

}  // namespace

void add_depthwise_partials(float* partials, std::int64_t count, std::int64_t taps, std::int64_t K,
                            float* dw) {
  for (std::int64_t i = 1; i < count; ++i)
    for (std::int64_t at = 0; at < taps * K; ++at) partials[at] += partials[i * taps * K + at];
  for (std::int64_t k = 0; k < K; ++k)
    for (std::int64_t tap = 0; tap < taps; ++tap) dw[k * taps + tap] = partials[tap * K + k];
}

std::int64_t depthwise_dw_chunks(const Conv2dGeometry& g) {
  const std::int64_t rows = std::max<std::int64_t>(1, g.N * g.P);
  return std::min<std::int64_t>(
      16, chunk_count(rows, g.flops() / depthwise_flops_per_ns / static_cast<double>(rows)));
}

std::string refuse_conv2d_dw_depthwise(const DeviceNode& node) {
  return refuse_unless_depthwise(conv2d_dw_geometry_of(node));
}

Step lower_conv2d_dw_depthwise(const BoundNode& node) {
  const Conv2dGeometry g = conv2d_dw_geometry_of(node);
  Weights problem{};
  problem.g = g;
  problem.repeats = g.K / g.C;
  problem.rows = forward_axis(g.P, g.R, g.stride_h, g.padding_h, g.dilation_h);
  for (std::int64_t s = 0; s < g.S; ++s) {
    const auto inside = [&](std::int64_t q) {
      const std::int64_t at = q * g.stride_w + s * g.dilation_w - g.padding_w;
      return at >= 0 && at < g.W;
    };
    Range valid = {0, 0};
    while (valid.begin < g.Q && !inside(valid.begin)) ++valid.begin;
    valid.end = valid.begin;
    while (valid.end < g.Q && inside(valid.end)) ++valid.end;
    problem.valid.push_back(valid);
  }
  problem.x = node.input(0), problem.dy = node.input(1);
  float* dw = node.output(0);
  const std::int64_t rows = g.N * g.P, taps = g.R * g.S;
  problem.chunks = depthwise_dw_chunks(g);
  const auto run = [=](const StepContext& context) {
    float* partials = context.floats();
    float* slabs = partials + problem.chunks * problem.partial_floats();
    context.pool.for_each(problem.chunks, [&](std::int64_t chunk, int thread) {
      add_rows(problem, chunk_range(rows, problem.chunks, chunk),
               partials + chunk * problem.partial_floats(), slabs + thread * problem.slab_floats());
    });
    add_depthwise_partials(partials, problem.chunks, taps, g.K, dw);
  };
  return {run, static_cast<std::size_t>(problem.chunks * problem.partial_floats() +
                                        node.threads() * problem.slab_floats()) *
                   sizeof(float)};
}

}  // namespace TESSERA_CPU_NAMESPACE

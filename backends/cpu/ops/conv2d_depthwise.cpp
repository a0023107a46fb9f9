// Depthwise conv2d and conv2d_dx with vectors over the channels. With several filters a channel
// everything is done on the K channels of y: rows of x are read with each channel repeated, and
// rows of dx are summed over the filters of a channel.
#include "backends/cpu/ops/conv2d.h"
#include "backends/cpu/ops/epilogue.h"
#include "backends/cpu/ops/simd.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

constexpr int most_pixels = 8;  // of a tile: enough to hide the latency of additions

void sum_neighbors(const float* from, std::int64_t count, std::int64_t together, float* to) {
  for (std::int64_t i = 0; i < count; ++i, from += together) {
    to[i] = from[0];
    for (std::int64_t m = 1; m < together; ++m) to[i] += from[m];
  }
}

/// The outputs of an axis all of whose taps lie in the source.
struct Columns {
  Axis axis;
  Range inside;
};

Columns columns_of(const Axis& axis, std::int64_t size) {
  Columns columns{axis, {0, 0}};
  const auto whole = [&](std::int64_t i) {
    const Range taps = axis.valid_taps(i, size);
    return taps.end - taps.begin == axis.taps;
  };
  Range& inside = columns.inside;
  while (inside.begin < axis.outputs && !whole(inside.begin)) ++inside.begin;
  inside.end = inside.begin;
  while (inside.end < axis.outputs && whole(inside.end)) ++inside.end;
  return columns;
}

/// A filter that slides over rows of K channels: the forward pass and, with one axis for each phase
/// of the stride, the gradient of the input.
struct Slide {
  std::int64_t N, src_rows, src_columns, dst_rows, dst_columns, K, S;
  std::int64_t repeats;   ///< of each source channel
  std::int64_t together;  ///< neighbors that make a channel of the result
  std::vector<Axis> rows;
  std::vector<Columns> columns;
  const float *x, *bias;
  float* y;
  Epilogue epilogue;

  std::int64_t source_row() const { return src_columns * K; }
  std::int64_t slab_floats() const {
    return (repeats > 1 ? src_rows * source_row() : 0) + (together > 1 ? dst_columns * K : 0);
  }
};

struct TileArguments {
  const float* source;
  std::int64_t pixel, row, column;  ///< steps of the source
  const float* w;
  std::int64_t w_row, w_column;
  std::int64_t row_taps, column_taps;
  const float* bias;
  float* y;
  std::int64_t y_step;
};

template <int T, typename Access>
[[gnu::always_inline]] inline void tile(const TileArguments& a, const Access& access) {
  Vec sums[T];
  const Vec first = a.bias ? access.load(a.bias) : Vec{};
  repeat<T>([&](auto t) { sums[t] = first; });
  for (std::int64_t r = 0; r < a.row_taps; ++r)
    for (std::int64_t s = 0; s < a.column_taps; ++s) {
      const Vec w = access.load(a.w + r * a.w_row + s * a.w_column);
      const float* source = a.source + r * a.row + s * a.column;
      repeat<T>([&](auto t) { sums[t] += access.load(source + t * a.pixel) * w; });
    }
  repeat<T>([&](auto t) { access.store(a.y + t * a.y_step, sums[t]); });
}

template <typename Access>
void tiles(TileArguments a, std::int64_t pixels, const Access& access) {
  const std::int64_t count = (pixels + most_pixels - 1) / most_pixels;
  for (std::int64_t i = 0; i < count; ++i) {
    const Range range = chunk_range(pixels, count, i);
    TileArguments at = a;
    at.source += range.begin * a.pixel;
    at.y += range.begin * a.y_step;
    repeat<most_pixels>([&](auto t) {
      if (range.end - range.begin == t + 1) tile<t + 1>(at, access);
    });
  }
}

/// One phase of a row: `a` holds the row's taps; source and w are those of column 0 and tap 0.
template <typename Access>
void phase(const Slide& problem, const Columns& columns, const TileArguments& row,
           const Access& access) {
  const Axis& axis = columns.axis;
  const auto run = [&](std::int64_t i, std::int64_t pixels, Range taps) {
    TileArguments a = row;
    a.source += (i * axis.src_step + axis.first + taps.begin * axis.step) * problem.K;
    a.w += (axis.tap_first + taps.begin * axis.tap_step) * problem.K;
    a.column_taps = taps.end - taps.begin;
    a.y += (axis.dst_first + i * axis.dst_step) * problem.K;
    tiles(a, pixels, access);
  };
  const auto edge = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) run(i, 1, axis.valid_taps(i, problem.src_columns));
  };
  edge(0, columns.inside.begin);
  if (columns.inside.end > columns.inside.begin)
    run(columns.inside.begin, columns.inside.end - columns.inside.begin, {0, axis.taps});
  edge(columns.inside.end, axis.outputs);
}

/// `source` is row `first_row` of the image.
void slide_row(const Slide& problem, const float* packed, const float* source,
               std::int64_t first_row, std::int64_t h, float* y) {
  const std::int64_t K = problem.K;
  const auto phases = static_cast<std::int64_t>(problem.rows.size());
  const Axis& rows = problem.rows[static_cast<std::size_t>(h % phases)];
  const std::int64_t i = h / phases;
  const Range taps = rows.valid_taps(i, problem.src_rows);
  const std::int64_t from = i * rows.src_step + rows.first + taps.begin * rows.step - first_row;
  const Tail tail(K % lanes);
  for (const Columns& columns : problem.columns) {
    TileArguments a{};
    a.pixel = columns.axis.src_step * K;
    a.row = rows.step * problem.source_row();
    a.column = columns.axis.step * K;
    a.w_row = rows.tap_step * problem.S * K;
    a.w_column = columns.axis.tap_step * K;
    a.row_taps = taps.end - taps.begin;
    a.y_step = columns.axis.dst_step * K;
    const float* w = packed + (rows.tap_first + taps.begin * rows.tap_step) * problem.S * K;
    for_vectors(K, tail, [&](std::int64_t k, const auto& access) {
      a.source = source + (a.row_taps > 0 ? from * problem.source_row() : 0) + k;
      a.w = (a.row_taps > 0 ? w : packed) + k;
      a.bias = problem.bias ? problem.bias + k : nullptr;
      a.y = y + k;
      phase(problem, columns, a, access);
    });
  }
}

/// The source rows that some output rows of an image read.
Range source_rows(const Slide& problem, std::int64_t begin, std::int64_t end) {
  if (problem.rows.size() > 1) return {0, problem.src_rows};
  return problem.rows.front().sources({begin, end}, problem.src_rows);
}

void slide_rows(const Slide& problem, Range range, const float* packed, float* slab) {
  float* folded = slab + (problem.repeats > 1 ? problem.src_rows * problem.source_row() : 0);
  const std::int64_t C = problem.K / problem.repeats, per_image = problem.dst_rows;
  for (std::int64_t u = range.begin; u < range.end;) {
    const std::int64_t n = u / per_image, begin = u % per_image;
    const std::int64_t end = std::min(per_image, begin + range.end - u);
    const float* source = problem.x + n * problem.src_rows * problem.src_columns * C;
    std::int64_t first_row = 0;
    if (problem.repeats > 1) {
      const Range rows = source_rows(problem, begin, end);
      first_row = rows.begin;
      repeat_channels(source + rows.begin * problem.src_columns * C,
                      (rows.end - rows.begin) * problem.src_columns, C, problem.repeats, slab);
      source = slab;
    }
    for (std::int64_t h = begin; h < end; ++h) {
      const std::int64_t floats = problem.dst_columns * problem.K / problem.together;
      float* y = problem.y + (n * per_image + h) * floats;
      slide_row(problem, packed, source, first_row, h, problem.together > 1 ? folded : y);
      if (problem.together > 1) sum_neighbors(folded, floats, problem.together, y);
      problem.epilogue.finish(y, floats);
    }
    u += end - begin;
  }
}

/// w [K,R*S] -> [R*S,K].
void pack(const float* w, std::int64_t K, std::int64_t taps, float* packed) {
  for (std::int64_t tap = 0; tap < taps; ++tap)
    for (std::int64_t k = 0; k < K; ++k) *packed++ = w[k * taps + tap];
}

Step make_step(const Slide& problem, const Conv2dGeometry& g, const float* w, int threads) {
  const std::int64_t rows = problem.N * problem.dst_rows, taps = g.R * g.S;
  const std::int64_t chunks =
      chunk_count(rows, g.flops() / depthwise_flops_per_ns / static_cast<double>(rows));
  const std::int64_t packed = (taps * g.K + lanes - 1) / lanes * lanes;
  const auto run = [=](const StepContext& context) {
    pack(w, g.K, taps, context.floats());
    context.pool.for_each(chunks, [&](std::int64_t chunk, int thread) {
      slide_rows(problem, chunk_range(rows, chunks, chunk), context.floats(),
                 context.floats() + packed + thread * problem.slab_floats());
    });
  };
  return {run, static_cast<std::size_t>(packed + threads * problem.slab_floats()) * sizeof(float)};
}

}  // namespace

std::string refuse_unless_depthwise(const Conv2dGeometry& g) {
  return g.groups == g.C && g.C > 1 ? "" : "it is not depthwise";
}

void repeat_channels(const float* from, std::int64_t pixels, std::int64_t C, std::int64_t times,
                     float* to) {
  for (std::int64_t i = 0; i < pixels * C; ++i) to = std::fill_n(to, times, from[i]);
}

std::string refuse_conv2d_depthwise(const DeviceNode& node) {
  return refuse_unless_depthwise(conv2d_geometry_of(node));
}
std::string refuse_conv2d_dx_depthwise(const DeviceNode& node) {
  return refuse_unless_depthwise(conv2d_dx_geometry_of(node));
}

Step lower_conv2d_depthwise(const BoundNode& node) {
  const Conv2dGeometry g = conv2d_geometry_of(node);
  const Axis columns = forward_axis(g.Q, g.S, g.stride_w, g.padding_w, g.dilation_w);
  const Slide problem = {g.N,
                         g.H,
                         g.W,
                         g.P,
                         g.Q,
                         g.K,
                         g.S,
                         g.K / g.C,
                         1,
                         {forward_axis(g.P, g.R, g.stride_h, g.padding_h, g.dilation_h)},
                         {columns_of(columns, g.W)},
                         node.input(0),
                         bias_of(node),
                         node.output(0),
                         Epilogue(node)};
  return make_step(problem, g, node.input(1), node.threads());
}

Step lower_conv2d_dx_depthwise(const BoundNode& node) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(node);
  std::vector<Columns> columns;
  for (const Axis& axis : gradient_axes(g.W, g.S, g.stride_w, g.padding_w, g.dilation_w))
    columns.push_back(columns_of(axis, g.Q));
  const Slide problem = {
      g.N,           g.P,
      g.Q,           g.H,
      g.W,           g.K,
      g.S,           1,
      g.K / g.C,     gradient_axes(g.H, g.R, g.stride_h, g.padding_h, g.dilation_h),
      columns,       node.input(0),
      nullptr,       node.output(0),
      Epilogue(node)};
  return make_step(problem, g, node.input(1), node.threads());
}

}  // namespace TESSERA_CPU_NAMESPACE

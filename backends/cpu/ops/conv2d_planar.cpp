// conv2d and conv2d_dx with vectors along a row of output pixels: for few output channels, with
// which vectors of channels would be mostly empty. The source rows of a chunk are copied into
// planes, one per channel; a tile is several output channels times one or two vectors of pixels.
#include "backends/cpu/ops/conv2d.h"
#include "backends/cpu/ops/epilogue.h"
#include "backends/cpu/ops/simd.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

struct Problem : ProductOperands {
  std::int64_t N = 0;
  std::int64_t src_rows = 0, src_columns = 0, src_channels = 0;
  std::int64_t dst_rows = 0, dst_columns = 0, dst_channels = 0;
  Axis rows{}, columns{};
  ColumnPadding padding;
  std::int64_t plane_row = 0, chunks = 0, slab_floats = 0;  ///< floats of a row of one plane

  explicit Problem(const BoundNode& node) : ProductOperands(node) {}

  std::int64_t source_row() const { return src_channels * plane_row; }
  std::int64_t taps() const { return rows.taps * columns.taps * src_channels; }
};

struct TileArguments {
  const float* source;  ///< first row tap, first column tap, channel 0, first pixel
  std::int64_t row_taps, row_step, column_taps, column_step, channels, plane_row;
  const float* weights;  ///< [row tap][column tap][source channel][output channel]
  std::int64_t weight_step;
  const float* bias;
  float* y;
  std::int64_t y_step, pixels;
};

template <int T, int V>
struct PlanarTile {
  static void call(const TileArguments& a) {
    Tile<T, V> tile;
    repeat<T>([&](auto t) {
      repeat<V>([&](auto v) { tile.acc[t][v] = broadcast(a.bias ? a.bias[t] : 0); });
    });
    const float* weights = a.weights;
    for (std::int64_t r = 0; r < a.row_taps; ++r)
      for (std::int64_t s = 0; s < a.column_taps; ++s) {
        tile.accumulate(weights, 1, a.weight_step, a.source + r * a.row_step + s * a.column_step,
                        a.plane_row, a.channels);
        weights += a.channels * a.weight_step;
      }
    float planes[T][V * lanes];
    std::memcpy(planes, tile.acc, sizeof planes);
    float* y = a.y;
    for (std::int64_t q = 0; q < a.pixels; ++q, y += a.y_step)
      repeat<T>([&](auto t) { y[t] = planes[t][q]; });
  }
};

constexpr auto narrow_tiles = tile_functions<PlanarTile, 1>();
constexpr auto wide_tiles = tile_functions<PlanarTile, 2>();

/// Copies source rows into planes: [row][channel][plane_row], zeros around.
[[gnu::always_inline]] inline void copy_planes(const Problem& problem, const float* from,
                                               std::int64_t rows, std::int64_t C, float* to) {
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t c = 0; c < C; ++c) {
      const float* channel = from + row * problem.src_columns * C + c;
      to = std::fill_n(to, problem.padding.left, 0.0f);
      for (std::int64_t i = 0; i < problem.src_columns; ++i) to[i] = channel[i * C];
      to = std::fill_n(to + problem.src_columns,
                       problem.plane_row - problem.padding.left - problem.src_columns, 0.0f);
    }
}

void run_row(const Problem& problem, const float* packed, const float* planes,
             std::int64_t first_row, std::int64_t n, std::int64_t i) {
  const Axis& rows = problem.rows;
  const std::int64_t K = problem.dst_channels;
  const Range taps = rows.valid_taps(i, problem.src_rows);
  const std::int64_t h = i * rows.src_step + rows.first + taps.begin * rows.step;
  TileArguments a{};
  a.row_taps = taps.end - taps.begin;
  a.row_step = rows.step * problem.source_row();
  a.column_taps = problem.columns.taps;
  a.column_step = problem.columns.step;
  a.channels = problem.src_channels;
  a.plane_row = problem.plane_row;
  a.weight_step = K;
  a.y_step = K;
  const float* source = planes + (h - first_row) * problem.source_row() + problem.padding.left +
                        problem.columns.first;
  const float* weights = packed + taps.begin * problem.columns.taps * problem.src_channels * K;
  const std::int64_t p = n * problem.dst_rows + rows.dst_first + i * rows.dst_step;
  float* y = problem.y + p * problem.dst_columns * K;
  for (std::int64_t q = 0; q < problem.dst_columns; q += block_columns) {
    a.pixels = std::min(problem.dst_columns - q, block_columns);
    const int vectors = block_vectors(a.pixels);
    const std::int64_t most = tile_vectors / vectors, tiles = (K + most - 1) / most;
    a.source = source + q;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const Range channels = chunk_range(K, tiles, tile);
      a.weights = weights + channels.begin;
      a.bias = problem.bias ? problem.bias + channels.begin : nullptr;
      a.y = y + q * K + channels.begin;
      const auto height = static_cast<std::size_t>(channels.end - channels.begin - 1);
      (vectors == 2 ? wide_tiles[height] : narrow_tiles[height])(a);
    }
  }
  problem.epilogue.finish(y, problem.dst_columns * K);
}

void run_chunk(const Problem& problem, std::int64_t chunk, const float* packed, float* planes) {
  const std::int64_t per_image = problem.rows.outputs;
  const Range range = chunk_range(problem.N * per_image, problem.chunks, chunk);
  for (std::int64_t u = range.begin; u < range.end;) {
    const std::int64_t n = u / per_image, begin = u % per_image;
    const std::int64_t end = std::min(per_image, begin + range.end - u);
    const Range source = problem.rows.sources({begin, end}, problem.src_rows);
    const float* from = problem.x + (n * problem.src_rows + source.begin) * problem.src_columns *
                                        problem.src_channels;
    if (problem.src_channels == 3)  // images: a constant lets the compiler shuffle whole vectors
      copy_planes(problem, from, source.end - source.begin, 3, planes);
    else
      copy_planes(problem, from, source.end - source.begin, problem.src_channels, planes);
    for (std::int64_t i = begin; i < end; ++i) run_row(problem, packed, planes, source.begin, n, i);
    u += end - begin;
  }
}

/// `weight(r, s, source channel, output channel)` reads w.
template <typename Weight>
Step make_step(Problem problem, double flops, int threads, const Weight& weight) {
  problem.padding.cover(problem.columns, problem.src_columns);
  const std::int64_t read = (problem.dst_columns + lanes - 1) / lanes * lanes +
                            (problem.columns.taps - 1) * problem.columns.step +
                            std::max<std::int64_t>(0, problem.columns.first);
  problem.plane_row = std::max(problem.padding.left + problem.src_columns, read);
  // Chunks well above the cost of copying the rows that they share with their neighbors.
  constexpr double flops_per_ns = 250;
  const std::int64_t rows = problem.N * problem.rows.outputs;
  problem.chunks = chunk_count(rows, flops / static_cast<double>(rows) / flops_per_ns);
  problem.slab_floats = problem.src_rows * problem.source_row();
  const auto prepack = [=](const StepContext& context) {
    float* to = context.packed_floats();
    for (std::int64_t m = 0; m < problem.rows.taps; ++m)
      for (std::int64_t j = 0; j < problem.columns.taps; ++j)
        for (std::int64_t c = 0; c < problem.src_channels; ++c)
          for (std::int64_t k = 0; k < problem.dst_channels; ++k)
            *to++ = weight(problem.rows.tap_first + m * problem.rows.tap_step,
                           problem.columns.tap_first + j * problem.columns.tap_step, c, k);
  };
  const auto run = [=](const StepContext& context) {
    context.pool.for_each(problem.chunks, [&](std::int64_t chunk, int thread) {
      run_chunk(problem, chunk, context.packed_floats(),
                context.floats() + thread * problem.slab_floats);
    });
  };
  return {run,
          static_cast<std::size_t>(threads * problem.slab_floats) * sizeof(float),
          {{1},
           prepack,
           static_cast<std::size_t>(problem.taps() * problem.dst_channels) * sizeof(float)}};
}

std::string refuse(const Conv2dGeometry& g) {
  if (g.groups != 1) return "it has groups";
  if (g.stride_w != 1) return "pixels of a row are not side by side";
  return g.N * g.C * g.K * g.P * g.Q * g.H * g.W == 0 ? "there is nothing to compute" : "";
}

std::string doubt(const Conv2dGeometry& g, std::int64_t outputs, std::int64_t channels) {
  if (g.R * g.S == 1) return "a filter of one tap reads each pixel once, too little for planes";
  // A quarter more for the change of layout.
  const std::int64_t planar = channels * ((outputs + lanes - 1) / lanes);
  const std::int64_t direct = outputs * ((channels + lanes - 1) / lanes);
  return 5 * planar >= 4 * direct ? "the output channels fill vectors" : "";
}

}  // namespace

std::string refuse_conv2d_planar(const DeviceNode& node) {
  return refuse(conv2d_geometry_of(node));
}
std::string doubt_conv2d_planar(const DeviceNode& node) {
  const Conv2dGeometry g = conv2d_geometry_of(node);
  return doubt(g, g.Q, g.K);
}

std::string refuse_conv2d_dx_planar(const DeviceNode& node) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(node);
  if (g.stride_h != 1) return "it has several phases";
  return refuse(g);
}
std::string doubt_conv2d_dx_planar(const DeviceNode& node) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(node);
  return doubt(g, g.W, g.C);
}

Step lower_conv2d_planar(const BoundNode& node) {
  const Conv2dGeometry g = conv2d_geometry_of(node);
  Problem problem(node);
  problem.N = g.N;
  problem.src_rows = g.H, problem.src_columns = g.W, problem.src_channels = g.C;
  problem.dst_rows = g.P, problem.dst_columns = g.Q, problem.dst_channels = g.K;
  problem.rows = forward_axis(g.P, g.R, g.stride_h, g.padding_h, g.dilation_h);
  problem.columns = forward_axis(g.Q, g.S, g.stride_w, g.padding_w, g.dilation_w);
  return make_step(
      problem, g.flops(), node.threads(),
      [g, w = problem.w](std::int64_t r, std::int64_t s, std::int64_t c, std::int64_t k) {
        return w[((k * g.R + r) * g.S + s) * g.C + c];
      });
}

Step lower_conv2d_dx_planar(const BoundNode& node) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(node);
  Problem problem(node);
  problem.N = g.N;
  problem.src_rows = g.P, problem.src_columns = g.Q, problem.src_channels = g.K;
  problem.dst_rows = g.H, problem.dst_columns = g.W, problem.dst_channels = g.C;
  problem.rows = gradient_axes(g.H, g.R, g.stride_h, g.padding_h, g.dilation_h).front();
  problem.columns = gradient_axes(g.W, g.S, g.stride_w, g.padding_w, g.dilation_w).front();
  return make_step(
      problem, g.flops(), node.threads(),
      [g, w = problem.w](std::int64_t r, std::int64_t s, std::int64_t k, std::int64_t c) {
        return w[((k * g.R + r) * g.S + s) * g.C + c];
      });
}

}  // namespace TESSERA_CPU_NAMESPACE

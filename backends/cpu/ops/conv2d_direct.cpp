// conv2d and conv2d_dx as sliding products over channels-last rows. A tile is several pixels of an
// output row times one or two vectors of output channels, all in registers; the taps of a filter
// row are one run of consecutive floats in the source. The gradient is the same product over dy:
// each phase of the stride is a dense product of its own.
#include "backends/cpu/ops/conv2d.h"
#include "backends/cpu/ops/epilogue.h"
#include "backends/cpu/ops/simd.h"

namespace TESSERA_CPU_NAMESPACE {

namespace {

/// A row phase and a column phase together, with their weights packed as [group][block of output
/// channels][row tap][column tap][source channel][channel of the block].
struct Phase {
  Axis rows, columns;
  std::int64_t weights;  ///< offset in floats of the packed weights
};

struct Problem : ProductOperands {
  std::int64_t N = 0, groups = 0;
  std::int64_t src_rows = 0, src_columns = 0, src_channels = 0;  // channels of all groups
  std::int64_t dst_rows = 0, dst_columns = 0, dst_channels = 0;
  std::int64_t src_group = 0, dst_group = 0;  // channels of one group
  std::vector<Phase> phases;
  ColumnPadding padding;
  std::int64_t unit_rows = 0;  ///< the most output rows of a phase
  std::int64_t weight_floats = 0;
  std::int64_t chunks = 1;       ///< of the unit rows
  std::int64_t block_parts = 1;  ///< in which each of them takes the blocks of output channels
  std::int64_t slab_floats = 0;
  bool past_cache;  ///< whether to write the result with non-temporal stores

  explicit Problem(const BoundNode& node) : ProductOperands(node), past_cache(node.past_cache(0)) {}

  /// Of output channels, of all groups.
  std::int64_t blocks() const { return groups * ((dst_group + block_columns - 1) / block_columns); }
  std::int64_t padded_row() const {
    return (src_columns + padding.left + padding.right) * src_channels;
  }
};

struct TileArguments {
  const float* row;       ///< source row of the first tap, at the first pixel's first tap
  std::int64_t row_step;  ///< floats between the source rows of two taps
  std::int64_t row_taps;
  std::int64_t run_step, runs, run_length;  ///< the runs of floats of one row tap
  std::int64_t pixel_step;                  ///< floats between the sources of two pixels
  const float* weights;
  const float* bias;
  float* y;
  std::int64_t y_step;  ///< floats between two pixels
  std::int64_t last_lanes;
  bool past_cache;  ///< whether to write whole vectors with non-temporal stores
  const Epilogue* epilogue;
};

template <int T, int V>
struct ConvTile {
  static void call(const TileArguments& a) {
    const Tail tail(a.last_lanes);
    Tile<T, V> tile;
    tile.fill(a.bias, tail);
    const float* weights = a.weights;
    for (std::int64_t r = 0; r < a.row_taps; ++r)
      for (std::int64_t s = 0; s < a.runs; ++s) {
        const float* from = a.row + r * a.row_step + s * a.run_step;
        const float* next = from + T * a.pixel_step;  // of the next tile
        tile.accumulate(
            from, a.pixel_step, 1, weights, V * lanes, a.run_length, nullptr,
            [next](const float*, const float*, std::int64_t i) { prefetch(next + i * T); });
        weights += a.run_length * V * lanes;
      }
    a.epilogue->finish(tile, a.y, a.y_step, tail);
    if (a.past_cache)
      tile.template write<PastCache>(a.y, a.y_step, PastCache{});
    else
      tile.write(a.y, a.y_step, tail);
  }
};

constexpr auto narrow_tiles = tile_functions<ConvTile, 1>();
constexpr auto wide_tiles = tile_functions<ConvTile, 2>();

/// `from` holds source rows first_row ... of one image, padded if the problem has padding.
struct Segment {
  std::int64_t n, begin, end;  ///< unit rows of an image
  std::int64_t first_row, last_row;
  const float* from;
};

Segment segment_of(const Problem& problem, std::int64_t n, std::int64_t begin, std::int64_t end) {
  Segment segment{n, begin, end, problem.src_rows, 0, nullptr};
  for (const Phase& phase : problem.phases) {
    const Range rows = phase.rows.sources({begin, end}, problem.src_rows);
    if (rows.begin == rows.end) continue;
    segment.first_row = std::min(segment.first_row, rows.begin);
    segment.last_row = std::max(segment.last_row, rows.end);
  }
  segment.first_row = std::min(segment.first_row, segment.last_row);
  return segment;
}

/// Calls f for the part of each image that lies in a chunk of the unit rows of all images.
template <typename Function>
void for_segments(const Problem& problem, std::int64_t chunk, const Function& f) {
  const Range range = chunk_range(problem.N * problem.unit_rows, problem.chunks, chunk);
  for (std::int64_t u = range.begin; u < range.end;) {
    const std::int64_t n = u / problem.unit_rows, begin = u % problem.unit_rows;
    const std::int64_t end = std::min(problem.unit_rows, begin + range.end - u);
    f(segment_of(problem, n, begin, end));
    u += end - begin;
  }
}

/// A block of output channels of one group.
struct Block {
  std::int64_t group, channel;  ///< first channel, counted within the group
  std::int64_t width;           ///< channels
  int vectors;
  std::int64_t weights;  ///< offset in floats of the packed weights
};

std::int64_t padded_channels(std::int64_t channels) {
  return (channels + lanes - 1) / lanes * lanes;
}

/// Calls f for the blocks of output channels of all groups.
template <typename Function>
void for_blocks(const Problem& problem, const Phase& phase, const Function& f) {
  const std::int64_t taps = phase.rows.taps * phase.columns.taps * problem.src_group;
  std::int64_t weights = phase.weights;
  for (std::int64_t group = 0; group < problem.groups; ++group)
    for (std::int64_t channel = 0; channel < problem.dst_group; channel += block_columns) {
      const std::int64_t width = std::min(problem.dst_group - channel, block_columns);
      f(Block{group, channel, width, block_vectors(width), weights});
      weights += taps * block_vectors(width) * lanes;
    }
}

void run_rows(const Problem& problem, const Phase& phase, const Segment& segment,
              const Block& block, const float* packed) {
  const Axis &rows = phase.rows, &columns = phase.columns;
  const std::int64_t C = problem.src_channels, src_row = problem.padded_row();
  const std::int64_t first_channel = block.group * problem.dst_group + block.channel;
  const bool one_run = columns.step == 1 && problem.groups == 1;

  TileArguments a{};
  a.row_step = rows.step * src_row;
  a.runs = one_run ? std::min<std::int64_t>(1, columns.taps) : columns.taps;
  a.run_step = columns.step * C;
  a.run_length = one_run ? columns.taps * C : problem.src_group;
  a.pixel_step = columns.src_step * C;
  a.bias = problem.bias ? problem.bias + first_channel : nullptr;
  a.y_step = columns.dst_step * problem.dst_channels;
  a.last_lanes = block.width - (block.vectors - 1) * lanes;
  a.past_cache = problem.past_cache && problem.dst_group % lanes == 0;
  a.epilogue = &problem.epilogue;
  const std::int64_t most = tile_vectors / block.vectors;
  const std::int64_t tiles = (columns.outputs + most - 1) / most;
  for (std::int64_t i = segment.begin; i < std::min(segment.end, rows.outputs); ++i) {
    const Range taps = rows.valid_taps(i, problem.src_rows);
    const std::int64_t h = i * rows.src_step + rows.first + taps.begin * rows.step;
    const float* source = segment.from + (h - segment.first_row) * src_row +
                          (problem.padding.left + columns.first) * C +
                          block.group * problem.src_group;
    const std::int64_t p = segment.n * problem.dst_rows + rows.dst_first + i * rows.dst_step;
    float* y = problem.y + (p * problem.dst_columns + columns.dst_first) * problem.dst_channels +
               first_channel;
    a.row_taps = taps.end - taps.begin;
    a.weights = packed + block.weights +
                taps.begin * columns.taps * problem.src_group * block.vectors * lanes;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const Range pixels = chunk_range(columns.outputs, tiles, tile);
      a.row = source + pixels.begin * a.pixel_step;
      a.y = y + pixels.begin * a.y_step;
      const auto height = static_cast<std::size_t>(pixels.end - pixels.begin - 1);
      (block.vectors == 2 ? wide_tiles[height] : narrow_tiles[height])(a);
    }
  }
}

/// Copies the source rows of a chunk with padding, if there is any, and runs its segments for a
/// part of the blocks of channels, those outermost: their weights stay in the cache.
void run_chunk(const Problem& problem, std::int64_t chunk, std::int64_t part, const float* packed,
               float* slab) {
  bool is_first = true;
  for (const Phase& phase : problem.phases) {
    const Range blocks = chunk_range(problem.blocks(), problem.block_parts, part);
    std::int64_t i = 0;
    for_blocks(problem, phase, [&](const Block& block) {
      const std::int64_t index = i++;
      if (index < blocks.begin || index >= blocks.end) return;
      float* to = slab;
      for_segments(problem, chunk, [&](Segment segment) {
        const float* image = problem.x + (segment.n * problem.src_rows + segment.first_row) *
                                             problem.src_columns * problem.src_channels;
        segment.from = problem.padding.any() ? to : image;
        const std::int64_t rows = segment.last_row - segment.first_row;
        if (problem.padding.any() && is_first)
          copy_padded(image, rows, problem.src_columns, problem.src_channels, problem.padding, to);
        to += problem.padding.any() ? rows * problem.padded_row() : 0;
        run_rows(problem, phase, segment, block, packed);
      });
      is_first = false;
    });
  }
}

/// Cuts the rows of all images into chunks that are worth a thread's while but whose padded copies
/// stay in the second-level cache.
void cut(Problem& problem, double flops) {
  constexpr std::int64_t most_slab = 64 * 1024;
  constexpr double flops_per_ns = 60;
  const std::int64_t rows = problem.N * problem.unit_rows;
  problem.chunks = chunk_count(rows, flops / static_cast<double>(rows) / flops_per_ns);
  const std::int64_t padded = rows * problem.padded_row();
  // Each chunk of rows passes over all weights: where these are more than the source, the chunks
  // are of blocks, if there are enough for many threads.
  const std::int64_t blocks = problem.blocks();
  const std::int64_t parts =
      chunk_count(blocks, flops / static_cast<double>(blocks) / flops_per_ns);
  if (problem.weight_floats > problem.N * problem.src_rows * problem.padded_row() &&
      parts >= std::min<std::int64_t>(problem.chunks, 8)) {
    problem.chunks = 1;
    problem.block_parts = parts;
  } else if (problem.padding.any()) {
    problem.chunks = std::clamp<std::int64_t>(padded / most_slab, problem.chunks,
                                              std::min(rows, ThreadPool::most_chunks));
  }
  if (!problem.padding.any()) return;
  for (std::int64_t chunk = 0; chunk < problem.chunks; ++chunk) {
    std::int64_t floats = 0;
    for_segments(problem, chunk, [&](const Segment& segment) {
      floats += (segment.last_row - segment.first_row) * problem.padded_row();
    });
    problem.slab_floats = std::max(problem.slab_floats, floats);
  }
}

/// Adds all phases and lays out their packed weights.
void add_phases(Problem& problem, const std::vector<Axis>& rows, const std::vector<Axis>& columns) {
  for (const Axis& row : rows)
    for (const Axis& column : columns) {
      problem.phases.push_back({row, column, problem.weight_floats});
      problem.weight_floats += row.taps * column.taps * problem.src_group * problem.groups *
                               padded_channels(problem.dst_group);
      problem.unit_rows = std::max(problem.unit_rows, row.outputs);
      problem.padding.cover(column, problem.src_columns);
    }
}

/// Filters of one tap see no images, only pixels: those in rows long enough for whole tiles, and
/// enough rows for chunks.
Conv2dGeometry with_long_rows(Conv2dGeometry g) {
  if (g.R * g.S * g.stride_h * g.stride_w != 1 || g.P != g.H || g.Q != g.W) return g;
  constexpr std::int64_t longest = 256, fewest = 32;
  const std::int64_t pixels = g.N * g.H * g.W;
  std::int64_t length = std::clamp<std::int64_t>(pixels / fewest, 1, longest);
  while (pixels % length != 0) --length;
  g.N = 1;
  g.H = g.P = pixels / length;
  g.W = g.Q = length;
  return g;
}

/// `pack(problem, phase, block, to)` writes the weights of one block.
template <typename Pack>
Step make_step(Problem problem, double flops, int threads, const Pack& pack) {
  cut(problem, flops);
  const std::int64_t slab = (problem.slab_floats + 15) / 16 * 16;
  const auto prepack = [problem, pack](const StepContext& context) {
    for (const Phase& phase : problem.phases)
      for_blocks(problem, phase, [&](const Block& block) {
        pack(problem, phase, block, context.packed_floats() + block.weights);
      });
  };
  const auto run = [problem, slab](const StepContext& context) {
    const std::int64_t parts = problem.block_parts;
    context.pool.for_each(problem.chunks * parts, [&](std::int64_t chunk, int thread) {
      run_chunk(problem, chunk / parts, chunk % parts, context.packed_floats(),
                context.floats() + thread * slab);
    });
  };
  return {run,
          static_cast<std::size_t>(slab * threads) * sizeof(float),
          {{1}, prepack, static_cast<std::size_t>(problem.weight_floats) * sizeof(float)}};
}

}  // namespace

Step lower_conv2d_direct(const BoundNode& node) {
  const Conv2dGeometry g = with_long_rows(conv2d_geometry_of(node));
  Problem problem(node);
  problem.N = g.N;
  problem.groups = g.groups;
  problem.src_rows = g.H, problem.src_columns = g.W, problem.src_channels = g.C;
  problem.dst_rows = g.P, problem.dst_columns = g.Q, problem.dst_channels = g.K;
  problem.src_group = g.C / g.groups, problem.dst_group = g.K / g.groups;
  add_phases(problem, {forward_axis(g.P, g.R, g.stride_h, g.padding_h, g.dilation_h)},
             {forward_axis(g.Q, g.S, g.stride_w, g.padding_w, g.dilation_w)});
  // A filter's taps lie side by side: packing transposes.
  const auto pack = [](const Problem& p, const Phase& phase, const Block& block, float* to) {
    const std::int64_t taps = phase.rows.taps * phase.columns.taps * p.src_group;
    const std::int64_t columns = block.vectors * lanes;
    const float* from = p.w + (block.group * p.dst_group + block.channel) * taps;
    std::fill_n(to, taps * columns, 0.0f);
    for (std::int64_t k = 0; k < block.width; ++k)
      for (std::int64_t i = 0; i < taps; ++i) to[i * columns + k] = from[k * taps + i];
  };
  return make_step(std::move(problem), g.flops(), node.threads(), pack);
}

Step lower_conv2d_dx_direct(const BoundNode& node) {
  const Conv2dGeometry g = with_long_rows(conv2d_dx_geometry_of(node));
  Problem problem(node);
  problem.N = g.N;
  problem.groups = g.groups;
  problem.src_rows = g.P, problem.src_columns = g.Q, problem.src_channels = g.K;
  problem.dst_rows = g.H, problem.dst_columns = g.W, problem.dst_channels = g.C;
  problem.src_group = g.K / g.groups, problem.dst_group = g.C / g.groups;
  add_phases(problem, gradient_axes(g.H, g.R, g.stride_h, g.padding_h, g.dilation_h),
             gradient_axes(g.W, g.S, g.stride_w, g.padding_w, g.dilation_w));
  const auto pack = [R = g.R, S = g.S](const Problem& p, const Phase& phase, const Block& block,
                                       float* to) {
    const std::int64_t columns = block.vectors * lanes;
    for (std::int64_t m = 0; m < phase.rows.taps; ++m)
      for (std::int64_t j = 0; j < phase.columns.taps; ++j)
        for (std::int64_t k = 0; k < p.src_group; ++k, to += columns) {
          const std::int64_t r = phase.rows.tap_first + m * phase.rows.tap_step;
          const std::int64_t s = phase.columns.tap_first + j * phase.columns.tap_step;
          const std::int64_t filter = block.group * p.src_group + k;
          const float* from = p.w + ((filter * R + r) * S + s) * p.dst_group + block.channel;
          std::fill(std::copy_n(from, block.width, to), to + columns, 0.0f);
        }
  };
  return make_step(std::move(problem), g.flops(), node.threads(), pack);
}

}  // namespace TESSERA_CPU_NAMESPACE

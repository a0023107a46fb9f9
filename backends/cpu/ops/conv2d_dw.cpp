// conv2d_dw: for each tap row, a tile of consecutive (s,c) positions times filters stays in
// registers while it walks over the pixels of an image. The vectors lie along the filters or along
// the positions, whichever fills them better. Images are summed group by group into partial
// results, and those in a fixed order into dw.
#include "backends/cpu/ops/conv2d.h"
#include "backends/cpu/ops/simd.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

struct Problem {
  Conv2dGeometry g;
  ColumnPadding padding;
  std::int64_t Cg, Kg;
  // The taps of a filter as `runs` rows of consecutive floats of x.
  std::int64_t runs_per_row, run_length, run_step;
  bool along_run;  ///< vectors of positions of a run, else of filters
  std::int64_t scalars,
      columns;  ///< of one run and group: positions and filters, or filters and positions
  std::int64_t tiles, most_rows;  ///< tiles of the scalars
  std::int64_t column_blocks;
  std::int64_t image_groups, block_ranges, partial_floats, slab_floats;
  const float *x, *dy;
  float* dw;

  std::int64_t blocks() const { return g.groups * column_blocks * g.R * runs_per_row * tiles; }
  std::int64_t padded_row() const { return (g.W + padding.left + padding.right) * g.C; }
};

/// One tile of dw.
struct Block {
  std::int64_t group, r, run;
  Range scalars, columns;
  int vectors() const { return block_vectors(columns.end - columns.begin); }
};

Block block_of(const Problem& problem, std::int64_t i) {
  Block block;
  block.scalars = chunk_range(problem.scalars, problem.tiles, i % problem.tiles);
  i /= problem.tiles;
  block.run = i % problem.runs_per_row;
  i /= problem.runs_per_row;
  block.r = i % problem.g.R;
  i /= problem.g.R;
  const std::int64_t column = i % problem.column_blocks * block_columns;
  block.columns = {column, std::min(problem.columns, column + block_columns)};
  block.group = i / problem.column_blocks;
  return block;
}

/// x or dy: where a tile begins, and the floats between its rows and pixels.
struct Operand {
  const float* at;
  std::int64_t row, pixel;
};

struct TileArguments {
  Operand scalars, vectors;
  std::int64_t rows, columns;
  float* partial;  ///< [scalars][block_columns], added to
  std::int64_t last_lanes;
};

template <int T, int V>
struct WeightTile {
  static void call(const TileArguments& a) {
    const Tail tail(a.last_lanes);
    Tile<T, V> tile;
    tile.fill(nullptr, tail);
    for (std::int64_t p = 0; p < a.rows; ++p)
      tile.accumulate(a.scalars.at + p * a.scalars.row, 1, a.scalars.pixel,
                      a.vectors.at + p * a.vectors.row, a.vectors.pixel, a.columns, &tail,
                      [&](const float* scalars, const float* vectors, std::int64_t) {
                        prefetch(scalars + 8 * a.scalars.pixel);
                        prefetch(vectors + 8 * a.vectors.pixel);
                      });
    repeat<T>([&](auto t) {
      repeat<V>([&](auto v) {
        float* at = a.partial + t * block_columns + v * lanes;
        store(at, load(at) + tile.acc[t][v]);
      });
    });
  }
};

constexpr auto narrow_tiles = tile_functions<WeightTile, 1>();
constexpr auto wide_tiles = tile_functions<WeightTile, 2>();

/// Adds image `n` (its rows `x` padded, if there is padding) to a block's partial result.
void add_image(const Problem& problem, const Block& block, std::int64_t n, const float* x,
               float* partial) {
  const Conv2dGeometry& g = problem.g;
  // The outputs p whose source row exists.
  const std::int64_t offset = block.r * g.dilation_h - g.padding_h;
  const std::int64_t first =
      offset >= 0 ? 0 : std::min(g.P, (-offset + g.stride_h - 1) / g.stride_h);
  const std::int64_t end =
      g.H - 1 - offset < 0 ? 0 : std::min(g.P, (g.H - 1 - offset) / g.stride_h + 1);
  if (end <= first) return;
  const std::int64_t h = first * g.stride_h + offset;
  const Range positions = problem.along_run ? block.columns : block.scalars;
  const Range filters = problem.along_run ? block.scalars : block.columns;
  const Operand from_x{x + h * problem.padded_row() + (problem.padding.left - g.padding_w) * g.C +
                           block.run * problem.run_step + block.group * problem.Cg +
                           positions.begin,
                       g.stride_h * problem.padded_row(), g.stride_w * g.C};
  const Operand from_dy{
      problem.dy + (n * g.P + first) * g.Q * g.K + block.group * problem.Kg + filters.begin,
      g.Q * g.K, g.K};
  TileArguments a{
      from_x, from_dy, end - first,
      g.Q,    partial, block.columns.end - block.columns.begin - (block.vectors() - 1) * lanes};
  if (problem.along_run) std::swap(a.scalars, a.vectors);
  const auto height = static_cast<std::size_t>(block.scalars.end - block.scalars.begin - 1);
  (block.vectors() == 2 ? wide_tiles[height] : narrow_tiles[height])(a);
}

/// One group of images for one range of blocks.
void run_chunk(const Problem& problem, std::int64_t chunk, float* partials, float* slab) {
  const Conv2dGeometry& g = problem.g;
  const std::int64_t image_group = chunk % problem.image_groups;
  const Range images = chunk_range(g.N, problem.image_groups, image_group);
  const Range blocks =
      chunk_range(problem.blocks(), problem.block_ranges, chunk / problem.image_groups);
  const std::int64_t floats = problem.most_rows * block_columns;
  float* partial = partials + image_group * problem.partial_floats;
  std::fill(partial + blocks.begin * floats, partial + blocks.end * floats, 0.0f);
  for (std::int64_t n = images.begin; n < images.end; ++n) {
    const float* x = problem.x + n * g.H * g.W * g.C;
    if (problem.padding.any()) {
      copy_padded(x, g.H, g.W, g.C, problem.padding, slab);
      x = slab;
    }
    for (std::int64_t i = blocks.begin; i < blocks.end; ++i)
      add_image(problem, block_of(problem, i), n, x, partial + i * floats);
  }
}

/// Sums the partial results of a block and writes them to dw, whose filters lie side by side.
void finish_block(const Problem& problem, std::int64_t i, float* partials) {
  const Block block = block_of(problem, i);
  const std::int64_t floats = problem.most_rows * block_columns;
  float* sum = partials + i * floats;
  for (std::int64_t group = 1; group < problem.image_groups; ++group) {
    const float* partial = sum + group * problem.partial_floats;
    for (std::int64_t j = 0; j < floats; ++j) sum[j] += partial[j];
  }
  const std::int64_t row = problem.runs_per_row * problem.run_length;
  const auto filter_row = [&](std::int64_t k) {
    return problem.dw + ((block.group * problem.Kg + k) * problem.g.R + block.r) * row +
           block.run * problem.run_length;
  };
  const Range outer = problem.along_run ? block.scalars : block.columns;  // filters
  const Range inner = problem.along_run ? block.columns : block.scalars;  // positions
  const std::int64_t outer_step = problem.along_run ? block_columns : 1;
  const std::int64_t inner_step = problem.along_run ? 1 : block_columns;
  for (std::int64_t k = outer.begin; k < outer.end; ++k, sum += outer_step) {
    float* dw = filter_row(k);
    for (std::int64_t j = inner.begin; j < inner.end; ++j)
      dw[j] = sum[(j - inner.begin) * inner_step];
  }
}

/// Enough chunks for many threads: over groups of images while their partial results stay small,
/// then over the tiles of dw.
void cut(Problem& problem) {
  constexpr double flops_per_ns = 60;
  constexpr std::int64_t most_partial_floats = 1 << 21;
  // A batch may be empty; the chunks then only fill dw with zeros.
  const std::int64_t images = std::max<std::int64_t>(1, problem.g.N);
  const std::int64_t wanted =
      chunk_count(images * problem.blocks(), problem.g.flops() / flops_per_ns /
                                                 static_cast<double>(images * problem.blocks()));
  problem.partial_floats = problem.blocks() * problem.most_rows * block_columns;
  problem.image_groups = std::min<std::int64_t>(
      {images, wanted, 16,
       std::max<std::int64_t>(
           1, most_partial_floats / std::max<std::int64_t>(1, problem.partial_floats))});
  problem.block_ranges = std::clamp<std::int64_t>(
      (wanted + problem.image_groups - 1) / problem.image_groups, 1, problem.blocks());
  if (problem.padding.any()) problem.slab_floats = problem.g.H * problem.padded_row();
}

}  // namespace

Step lower_conv2d_dw_direct(const BoundNode& node) {
  Problem problem{};
  const Conv2dGeometry g = conv2d_dw_geometry_of(node);
  problem.g = g;
  problem.x = node.input(0), problem.dy = node.input(1), problem.dw = node.output(0);
  problem.Cg = g.C / g.groups, problem.Kg = g.K / g.groups;
  problem.padding.cover(forward_axis(g.Q, g.S, g.stride_w, g.padding_w, g.dilation_w), g.W);
  const bool one_run = g.dilation_w == 1 && g.groups == 1;
  problem.runs_per_row = one_run ? 1 : g.S;
  problem.run_length = one_run ? g.S * g.C : problem.Cg;
  problem.run_step = g.dilation_w * g.C;
  const auto cost = [](std::int64_t scalars, std::int64_t columns) {
    return scalars * ((columns + lanes - 1) / lanes);
  };
  problem.along_run = cost(problem.Kg, problem.run_length) < cost(problem.run_length, problem.Kg);
  problem.scalars = problem.along_run ? problem.Kg : problem.run_length;
  problem.columns = problem.along_run ? problem.run_length : problem.Kg;
  problem.column_blocks = (problem.columns + block_columns - 1) / block_columns;
  const std::int64_t most = tile_vectors / block_vectors(problem.columns);
  problem.tiles = (problem.scalars + most - 1) / most;
  problem.most_rows = (problem.scalars + problem.tiles - 1) / problem.tiles;
  cut(problem);
  const std::int64_t finish_chunks = chunk_count(
      problem.blocks(),
      0.5 * static_cast<double>(problem.image_groups * problem.most_rows * block_columns));
  const std::int64_t partials = problem.image_groups * problem.partial_floats;
  const auto run = [=](const StepContext& context) {
    float* slabs = context.floats() + partials;
    context.pool.for_each(
        problem.image_groups * problem.block_ranges, [&](std::int64_t chunk, int thread) {
          run_chunk(problem, chunk, context.floats(), slabs + thread * problem.slab_floats);
        });
    context.pool.for_each(finish_chunks, [&](std::int64_t chunk, int) {
      const Range blocks = chunk_range(problem.blocks(), finish_chunks, chunk);
      for (std::int64_t i = blocks.begin; i < blocks.end; ++i)
        finish_block(problem, i, context.floats());
    });
  };
  return {run, static_cast<std::size_t>(partials + problem.slab_floats * node.threads()) *
                   sizeof(float)};
}

}  // namespace TESSERA_CPU_NAMESPACE

// conv2d and conv2d_dx with 3x3 filters and strides of 1 by Winograd's F(4x4,3x3) or F(2x2,3x3).
// Filters and tiles of the source are transformed, multiplied position by position (matrix products
// over the channels), and the products transformed back. A chunk is a group of tiles, few enough
// for their transforms to stay in the cache for all its blocks of output channels.
#include "backends/cpu/ops/conv2d_winograd.h"
#include "backends/cpu/ops/epilogue.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

/// Measured with 512 channels: with fewer the filters' transforms cost as much as is saved.
constexpr std::int64_t fewest_tiles = 48;

struct Problem : ProductOperands {
  Tiling tiling;
  std::int64_t row = 0;                ///< floats between transformed tiles
  std::int64_t groups = 0, group = 0;  ///< of tiles, and the most tiles of one
  std::int64_t block_shares = 0;

  Problem(const BoundNode& node, const Conv2dSlide& slide)
      : ProductOperands(node), tiling(node, slide) {}

  std::int64_t blocks() const { return (tiling.outs + block_columns - 1) / block_columns; }
  int vectors(std::int64_t block) const {
    return block_vectors(tiling.outs - block * block_columns);
  }
  std::int64_t filter_position() const { return position_floats(tiling.ins * block_columns); }
  std::int64_t tile_position() const { return position_floats(group * row); }
  std::int64_t product_position() const { return position_floats(group * block_columns); }
  std::int64_t scratch_floats() const {
    return tiling.positions() * (tile_position() + product_position());
  }
};

/// Transforms `lanes` result channels of up to `lanes` source channels, `outs` and `ins` of which
/// are there.
template <int results>
void pack_filters(const float* w, const SlideWeights& at, std::int64_t outs, std::int64_t ins,
                  float* to, std::int64_t in_step, std::int64_t position) {
  const auto offset = [&](std::int64_t in, int tap) {
    return in * at.in + tap / 3 * at.r + tap % 3 * at.s;
  };
  float taps[9][lanes][lanes] = {};
  const bool are_neighbors = at.out == 1;
  if (!are_neighbors)
    for (std::int64_t out = 0; out < outs; ++out)
      for (int tap = 0; tap < 9; ++tap)
        for (std::int64_t in = 0; in < ins; ++in)
          taps[tap][in][out] = w[out * at.out + offset(in, tap)];
  const Tail tail(outs);
  for (std::int64_t in = 0; in < ins; ++in, to += in_step) {
    Vec filter[9], values[positions<results>];
    repeat<9>([&](auto tap) __attribute__((always_inline)) {
      filter[tap] = are_neighbors ? tail.load(w + offset(in, tap)) : load(taps[tap][in]);
    });
    transform_square<3, edge<results>, Transforms<results>::transform_filter>(filter, values);
    repeat<positions<results>>([&](auto i) __attribute__((always_inline)) {
      store(to + i * position, values[i]);
    });
  }
}

/// packed [block][position][source channel][vectors of the block].
template <int results>
void pack_block(const Problem& problem, const SlideWeights& at, std::int64_t block, std::int64_t in,
                float* packed) {
  const Tiling& tiling = problem.tiling;
  const int vectors = problem.vectors(block);
  float* to =
      packed + block * positions<results> * problem.filter_position() + in * vectors * lanes;
  for (int v = 0; v < vectors; ++v) {
    const std::int64_t out = block * block_columns + v * lanes;
    pack_filters<results>(problem.w + at.base + out * at.out + in * at.in, at,
                          std::min<std::int64_t>(lanes, tiling.outs - out),
                          std::min<std::int64_t>(lanes, tiling.ins - in), to + v * lanes,
                          vectors * lanes, problem.filter_position());
  }
}

/// Writes a vector of channels, the first one `k`, of a tile's results.
template <int results, typename Access>
[[gnu::always_inline]] inline void finish_tile(const Problem& problem, const Tiling::Place& at,
                                               std::int64_t k, const float* products,
                                               std::int64_t position, const Access& access) {
  const Tiling& tiling = problem.tiling;
  Vec sums[positions<results>], y[results * results];
  repeat<positions<results>>([&](auto i) __attribute__((always_inline)) {
    sums[i] = load(products + i * position);
  });
  transform_square<edge<results>, results, Transforms<results>::transform_results>(sums, y);
  const Vec bias = problem.bias ? access.load(problem.bias + k) : Vec{};
  float* image = problem.y + at.n * tiling.P * tiling.Q * tiling.outs + k;
  repeat<results * results>([&](auto i) __attribute__((always_inline)) {
    const std::int64_t p = at.p + i / results, q = at.q + i % results;
    if (p >= tiling.P || q >= tiling.Q) return;
    float* to = image + (p * tiling.Q + q) * tiling.outs;
    access.store(to, problem.epilogue.finished(y[i] + bias, to, access));
  });
}

template <int results>
void run_block(const Problem& problem, Range tiles, std::int64_t block, const float* packed,
               const float* transformed, float* products) {
  const int vectors = problem.vectors(block);
  const std::int64_t columns = vectors * lanes, count = tiles.end - tiles.begin;
  const std::int64_t position = problem.product_position();
  const float* filters = packed + block * positions<results> * problem.filter_position();
  for (int i = 0; i < positions<results>; ++i)
    multiply({transformed + i * problem.tile_position(), problem.row, 1,
              filters + i * problem.filter_position(), problem.tiling.ins, products + i * position,
              false},
             count, vectors);
  const std::int64_t first = block * block_columns;
  const std::int64_t width = std::min(block_columns, problem.tiling.outs - first);
  const Tail tail(width % lanes);
  for (std::int64_t t = 0; t < count; ++t) {
    const Tiling::Place at = problem.tiling.place(tiles.begin + t);
    for_vectors(width, tail, [&](std::int64_t k, const auto& access) {
      finish_tile<results>(problem, at, first + k, products + t * columns + k, position, access);
    });
  }
}

/// One group of tiles for one share of the blocks of output channels.
template <int results>
void run_chunk(const Problem& problem, std::int64_t chunk, const float* packed, float* scratch) {
  const Tiling& tiling = problem.tiling;
  const Range tiles = chunk_range(tiling.tiles(), problem.groups, chunk % problem.groups);
  const Range blocks = chunk_range(problem.blocks(), problem.block_shares, chunk / problem.groups);
  const std::int64_t position = problem.tile_position();
  for (std::int64_t t = tiles.begin; t < tiles.end; ++t)
    transform_source_tile<results>(tiling, problem.x, t, {0, tiling.ins},
                                   scratch + (t - tiles.begin) * problem.row, position);
  for (std::int64_t block = blocks.begin; block < blocks.end; ++block)
    run_block<results>(problem, tiles, block, packed, scratch,
                       scratch + positions<results> * position);
}

/// Groups of tiles whose transforms stay in a core's own cache; where they are few, shares of the
/// blocks too, for each of which the tiles are transformed again.
void cut(Problem& problem) {
  constexpr std::int64_t cache_floats = 160 * 1024, chunks = 16;
  const std::int64_t tiles = problem.tiling.tiles();
  problem.row = position_floats((problem.tiling.ins + lanes - 1) / lanes * lanes);
  const std::int64_t group =
      std::clamp<std::int64_t>(cache_floats / (problem.tiling.positions() * problem.row), 28, 56);
  problem.groups = std::min((tiles + group - 1) / group, ThreadPool::most_chunks);
  problem.group = (tiles + problem.groups - 1) / problem.groups;
  problem.block_shares = std::clamp<std::int64_t>(chunks / problem.groups, 1, problem.blocks());
}

template <int results>
Step make_step(const Problem& problem, const SlideWeights& weights, int threads) {
  const std::int64_t in_vectors = (problem.tiling.ins + lanes - 1) / lanes;
  const std::int64_t packs = problem.blocks() * in_vectors;
  const std::int64_t pack_chunks = chunk_count(packs, 20.0 * lanes * positions<results>);
  const auto prepack = [=](const StepContext& context) {
    context.pool.for_each(pack_chunks, [&](std::int64_t chunk, int) {
      const Range range = chunk_range(packs, pack_chunks, chunk);
      for (std::int64_t i = range.begin; i < range.end; ++i)
        pack_block<results>(problem, weights, i / in_vectors, i % in_vectors * lanes,
                            context.packed_floats());
    });
  };
  const auto run = [=](const StepContext& context) {
    context.pool.for_each(
        problem.groups * problem.block_shares, [&](std::int64_t chunk, int thread) {
          run_chunk<results>(problem, chunk, context.packed_floats(),
                             context.floats() + thread * problem.scratch_floats());
        });
  };
  const std::int64_t packed = problem.blocks() * positions<results> * problem.filter_position();
  return {run,
          static_cast<std::size_t>(problem.scratch_floats() * threads) * sizeof(float),
          {{1}, prepack, static_cast<std::size_t>(packed) * sizeof(float)}};
}

Step make_step(const BoundNode& node, const Conv2dSlide& slide, const SlideWeights& weights) {
  Problem problem(node, slide);
  cut(problem);
  return problem.tiling.results == 4 ? make_step<4>(problem, weights, node.threads())
                                     : make_step<2>(problem, weights, node.threads());
}

}  // namespace

std::string refuse_conv2d_winograd(const DeviceNode& node) {
  return refuse_winograd_tiles(conv2d_geometry_of(node));
}
std::vector<Parameters> conv2d_winograd_candidates(const DeviceNode& node) {
  return winograd_candidates(forward_slide(conv2d_geometry_of(node)));
}
std::string doubt_conv2d_winograd(const DeviceNode& node) {
  return doubt_winograd(forward_slide(conv2d_geometry_of(node)), fewest_channels, fewest_tiles);
}

std::string refuse_conv2d_dx_winograd(const DeviceNode& node) {
  return refuse_winograd_tiles(conv2d_dx_geometry_of(node));
}
std::vector<Parameters> conv2d_dx_winograd_candidates(const DeviceNode& node) {
  return winograd_candidates(gradient_slide(conv2d_dx_geometry_of(node)));
}
std::string doubt_conv2d_dx_winograd(const DeviceNode& node) {
  return doubt_winograd(gradient_slide(conv2d_dx_geometry_of(node)), fewest_channels, fewest_tiles);
}

Step lower_conv2d_winograd(const BoundNode& node) {
  const Conv2dGeometry g = conv2d_geometry_of(node);
  return make_step(node, forward_slide(g), forward_weights(g));
}

Step lower_conv2d_dx_winograd(const BoundNode& node) {
  const Conv2dGeometry g = conv2d_dx_geometry_of(node);
  return make_step(node, gradient_slide(g), gradient_weights(g));
}

}  // namespace TESSERA_CPU_NAMESPACE

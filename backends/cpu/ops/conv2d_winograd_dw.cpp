// conv2d_dw with 3x3 filters and strides of 1 by Winograd's F(3x3,4x4) or F(3x3,2x2). Tiles of x
// and of dy are transformed and multiplied position by position (matrix products over the tiles),
// some at a time, so that their transforms stay in the cache. The tiles are summed piece by piece
// into partial results, and those in a fixed order into sums that are transformed into dw.
#include "backends/cpu/ops/conv2d_winograd.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

struct Problem {
  Tiling tiling;
  const float *x, *dy;
  float* dw;
  std::int64_t row = 0;  ///< floats between transformed tiles of dy
  std::int64_t group = 0, pieces = 0, block_shares = 0;

  Problem(const BoundNode& node, const Conv2dSlide& slide)
      : tiling(node, slide), x(node.input(0)), dy(node.input(1)), dw(node.output(0)) {}

  std::int64_t blocks() const { return (tiling.ins + block_columns - 1) / block_columns; }
  int vectors(std::int64_t block) const {
    return block_vectors(tiling.ins - block * block_columns);
  }
  std::int64_t gradient_position() const { return position_floats(group * row); }
  std::int64_t tile_position() const { return position_floats(group * block_columns); }
  std::int64_t scratch_floats() const {
    return tiling.positions() * (gradient_position() + tile_position());
  }
  // Sums [block][position][k][vectors of the block] of a piece.
  std::int64_t sum_position() const { return position_floats(tiling.outs * block_columns); }
  std::int64_t block_floats() const { return tiling.positions() * sum_position(); }
  std::int64_t piece_floats() const { return blocks() * block_floats(); }
};

template <int results>
void transform_gradient_tile(const Tiling& tiling, const float* dy, std::int64_t tile, float* to,
                             std::int64_t position) {
  const Tiling::Place at = tiling.place(tile);
  const float* image = dy + at.n * tiling.P * tiling.Q * tiling.outs;
  for_vectors(tiling.outs, Tail(tiling.outs % lanes), [&](std::int64_t k, const auto& access) {
    transform_pixels<results, edge<results>, Transforms<results>::transform_gradient>(
        image + k, at.p, at.q, tiling.P, tiling.Q, tiling.outs, access, to + k, position);
  });
}

/// Adds a group of tiles, whose gradients are transformed, to the sums of a block of channels of x.
template <int results>
void add_group(const Problem& problem, Range tiles, std::int64_t block, const float* gradients,
               float* transformed, bool is_first, float* sums) {
  const Tiling& tiling = problem.tiling;
  const int vectors = problem.vectors(block);
  const std::int64_t first = block * block_columns;
  const Range channels = {first, std::min(tiling.ins, first + block_columns)};
  for (std::int64_t t = tiles.begin; t < tiles.end; ++t)
    transform_source_tile<results>(tiling, problem.x, t, channels,
                                   transformed + (t - tiles.begin) * vectors * lanes,
                                   problem.tile_position());
  for (int i = 0; i < positions<results>; ++i)
    multiply({gradients + i * problem.gradient_position(), 1, problem.row,
              transformed + i * problem.tile_position(), tiles.end - tiles.begin,
              sums + i * problem.sum_position(), !is_first},
             tiling.outs, vectors);
}

/// Adds up the pieces of a vector of sums, all its positions at `sums`, and writes it to the
/// gradient at `to` of the weights of output channel k.
template <int results, typename Access>
[[gnu::always_inline]] inline void finish_weights(const Problem& problem, const float* sums,
                                                  float* to, const Access& access) {
  Vec total[positions<results>], weights[9];
  repeat<positions<results>>([&](auto i) __attribute__((always_inline)) {
    total[i] = load(sums + i * problem.sum_position());
  });
  for (std::int64_t piece = 1; piece < problem.pieces; ++piece)
    repeat<positions<results>>([&](auto i) __attribute__((always_inline)) {
      total[i] += load(sums + piece * problem.piece_floats() + i * problem.sum_position());
    });
  transform_square<edge<results>, 3, Transforms<results>::transform_weights>(total, weights);
  repeat<9>([&](auto tap) __attribute__((always_inline)) {
    access.store(to + tap * problem.tiling.ins, weights[tap]);
  });
}

/// dw of one output channel k and a block of channels of x, from the block's sums in each piece.
template <int results>
void finish(const Problem& problem, std::int64_t block, std::int64_t k, const float* sums) {
  const std::int64_t first = block * block_columns;
  const std::int64_t width = std::min(block_columns, problem.tiling.ins - first);
  sums += k * problem.vectors(block) * lanes;
  float* to = problem.dw + k * 9 * problem.tiling.ins + first;
  for_vectors(width, Tail(width % lanes), [&](std::int64_t c, const auto& access) {
    finish_weights<results>(problem, sums + c, to + c, access);
  });
}

/// One piece of the tiles for one share of the blocks of channels of x. Where there is only one
/// piece, `partials` are this thread's own and hold the share's blocks alone.
template <int results>
void run_chunk(const Problem& problem, std::int64_t chunk, float* partials, float* scratch) {
  const std::int64_t piece = chunk % problem.pieces;
  const Range tiles = chunk_range(problem.tiling.tiles(), problem.pieces, piece);
  const Range blocks = chunk_range(problem.blocks(), problem.block_shares, chunk / problem.pieces);
  const std::int64_t count = tiles.end - tiles.begin;
  const std::int64_t groups = (count + problem.group - 1) / problem.group;
  const std::int64_t first_block = problem.pieces == 1 ? blocks.begin : 0;
  const auto sums_of = [&](std::int64_t block) {
    return partials + piece * problem.piece_floats() +
           (block - first_block) * problem.block_floats();
  };
  float* transformed = scratch + positions<results> * problem.gradient_position();
  for (std::int64_t i = 0; i < groups; ++i) {
    const Range within = chunk_range(count, groups, i);
    const Range group = {tiles.begin + within.begin, tiles.begin + within.end};
    for (std::int64_t t = group.begin; t < group.end; ++t)
      transform_gradient_tile<results>(problem.tiling, problem.dy, t,
                                       scratch + (t - group.begin) * problem.row,
                                       problem.gradient_position());
    for (std::int64_t block = blocks.begin; block < blocks.end; ++block)
      add_group<results>(problem, group, block, scratch, transformed, i == 0, sums_of(block));
  }
  if (problem.pieces > 1) return;
  for (std::int64_t block = blocks.begin; block < blocks.end; ++block)
    for (std::int64_t k = 0; k < problem.tiling.outs; ++k)
      finish<results>(problem, block, k, sums_of(block));
}

/// Pieces as long as all their sums are few beside what is read, else shares of the blocks, for
/// each of which the tiles of dy are transformed again.
void cut(Problem& problem) {
  constexpr std::int64_t chunks = 16;
  const Tiling& t = problem.tiling;
  problem.row = position_floats((t.outs + lanes - 1) / lanes * lanes);
  problem.group = std::min<std::int64_t>(t.tiles(), t.outs <= 128 ? 32 : 64);
  const std::int64_t read = t.N * (t.H * t.W * t.ins + t.P * t.Q * t.outs);
  const std::int64_t most = std::min(chunks, (t.tiles() + problem.group - 1) / problem.group);
  problem.pieces = std::clamp<std::int64_t>(read / (2 * problem.piece_floats()), 1, most);
  problem.block_shares = std::clamp<std::int64_t>(chunks / problem.pieces, 1, problem.blocks());
}

template <int results>
Step make_step(const Problem& problem, int threads) {
  const bool is_one = problem.pieces == 1;
  const std::int64_t share = (problem.blocks() + problem.block_shares - 1) / problem.block_shares;
  const std::int64_t own = is_one ? share * problem.block_floats() : 0;  // sums of a thread
  const std::int64_t partials = is_one ? own * threads : problem.pieces * problem.piece_floats();
  const std::int64_t items = is_one ? 0 : problem.blocks() * problem.tiling.outs;
  const std::int64_t finish_chunks =
      chunk_count(items, 10.0 * static_cast<double>(problem.pieces * positions<results>));
  const auto run = [=](const StepContext& context) {
    float *sums = context.floats(), *scratch = sums + partials;
    context.pool.for_each(problem.pieces * problem.block_shares,
                          [&](std::int64_t chunk, int thread) {
                            run_chunk<results>(problem, chunk, sums + thread * own,
                                               scratch + thread * problem.scratch_floats());
                          });
    if (is_one) return;
    context.pool.for_each(finish_chunks, [&](std::int64_t chunk, int) {
      const Range range = chunk_range(items, finish_chunks, chunk);
      for (std::int64_t i = range.begin; i < range.end; ++i) {
        const std::int64_t block = i / problem.tiling.outs;
        finish<results>(problem, block, i % problem.tiling.outs,
                        sums + block * problem.block_floats());
      }
    });
  };
  return {run,
          static_cast<std::size_t>(partials + problem.scratch_floats() * threads) * sizeof(float)};
}

}  // namespace

std::string refuse_conv2d_dw_winograd(const DeviceNode& node) {
  return refuse_winograd_tiles(conv2d_dw_geometry_of(node));
}
std::vector<Parameters> conv2d_dw_winograd_candidates(const DeviceNode& node) {
  return winograd_candidates(forward_slide(conv2d_dw_geometry_of(node)));
}
std::string doubt_conv2d_dw_winograd(const DeviceNode& node) {
  constexpr std::int64_t fewest_tiles = 24;
  return doubt_winograd(forward_slide(conv2d_dw_geometry_of(node)), fewest_channels, fewest_tiles);
}

Step lower_conv2d_dw_winograd(const BoundNode& node) {
  Problem problem(node, forward_slide(conv2d_dw_geometry_of(node)));
  cut(problem);
  return problem.tiling.results == 4 ? make_step<4>(problem, node.threads())
                                     : make_step<2>(problem, node.threads());
}

}  // namespace TESSERA_CPU_NAMESPACE

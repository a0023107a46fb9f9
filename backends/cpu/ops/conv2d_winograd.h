// What the passes of 3x3 convolutions by Winograd's algorithm share: tiles of edge x edge pixels,
// which overlap and give results x results results, their transforms, and the products of
// transformed tiles, one matrix product for each position of a tile.
#pragma once

#include "backends/cpu/ops/conv2d.h"
#include "backends/cpu/ops/simd.h"
#include "engine/ops/winograd.h"

namespace TESSERA_CPU_NAMESPACE {

template <int results>
struct Transforms;

#define TRANSFORM [[gnu::always_inline]] static inline
#define scaled(sum, factor, value) ((sum) + (factor) * (value))
using floatv = Vec;
#define RESULTS 4
template <>
struct Transforms<4> {
#include "engine/formulas/winograd_transforms.h"
};
#undef RESULTS
#define RESULTS 2
template <>
struct Transforms<2> {
#include "engine/formulas/winograd_transforms.h"
};
#undef RESULTS
#undef scaled
#undef TRANSFORM

template <int results>
inline constexpr int edge = results + 2;
template <int results>
inline constexpr int positions = edge<results>* edge<results>;

/// to [count][count] from x [from][from]: `transform` along the columns and then along the rows.
template <int from, int count, auto transform>
[[gnu::always_inline]] inline void transform_square(const Vec* x, Vec* to) {
  Vec columns[count * from];
  repeat<from>([&](auto s)
                   __attribute__((always_inline)) { transform(x + s, from, columns + s, from); });
  repeat<count>([&](auto r) __attribute__((always_inline)) {
    transform(columns + r * from, 1, to + r * count, 1);
  });
}

/// A slide whose result is cut into tiles of results x results.
struct Tiling : Conv2dSlide {
  int results;

  Tiling(const NodeView& node, const Conv2dSlide& slide)
      : Conv2dSlide(slide),
        results(static_cast<int>(node.parameter("results", winograd_results(slide)))) {}

  std::int64_t rows() const { return (P + results - 1) / results; }
  std::int64_t columns() const { return (Q + results - 1) / results; }
  std::int64_t tiles() const { return winograd_tiles(*this, results); }
  std::int64_t positions() const { return winograd_positions(results); }

  /// A tile's image and the first pixel of its results.
  struct Place {
    std::int64_t n, p, q;
  };
  Place place(std::int64_t tile) const {
    return {tile / columns() / rows(), tile / columns() % rows() * results,
            tile % columns() * results};
  }
};

inline std::string refuse_winograd_tiles(const Conv2dGeometry& g) {
  const bool is_empty = g.N * g.C * g.K * g.P * g.Q * g.H * g.W == 0;
  return is_empty ? "there is nothing to compute" : refuse_winograd(g);
}
/// The tiles of the other size.
inline std::vector<Parameters> winograd_candidates(const Conv2dSlide& slide) {
  return {{{"results", winograd_results(slide) == 4 ? 2 : 4}}};
}

/// Channels from which on it pays.
inline constexpr std::int64_t fewest_channels = 16;

/// to[position] of `access`'s channels of the transform of a tile whose first pixel is (h, w) of
/// x [H,W,C]: zeros outside of x.
template <int size, int count, auto transform, typename Access>
[[gnu::always_inline]] inline void transform_pixels(const float* x, std::int64_t h, std::int64_t w,
                                                    std::int64_t H, std::int64_t W, std::int64_t C,
                                                    const Access& access, float* to,
                                                    std::int64_t position) {
  Vec pixels[size * size], values[count * count];
  repeat<size * size>([&](auto i) __attribute__((always_inline)) {
    const std::int64_t row = h + i / size, column = w + i % size;
    const bool is_inside = row >= 0 && row < H && column >= 0 && column < W;
    pixels[i] = is_inside ? access.load(x + (row * W + column) * C) : Vec{};
  });
  transform_square<size, count, transform>(pixels, values);
  repeat<count * count>([&](auto i) __attribute__((always_inline)) {
    store(to + i * position, values[i]);
  });
}

/// The source's channels [first, end) of a tile.
template <int results>
void transform_source_tile(const Tiling& tiling, const float* x, std::int64_t tile, Range channels,
                           float* to, std::int64_t position) {
  const Tiling::Place at = tiling.place(tile);
  const float* image = x + at.n * tiling.H * tiling.W * tiling.ins + channels.begin;
  const std::int64_t count = channels.end - channels.begin;
  for_vectors(count, Tail(count % lanes), [&](std::int64_t c, const auto& access) {
    transform_pixels<edge<results>, edge<results>, Transforms<results>::transform_source>(
        image + c, at.p - tiling.before_h, at.q - tiling.before_w, tiling.H, tiling.W, tiling.ins,
        access, to + c, position);
  });
}

/// to [rows, V vectors] (+)= a b, with a[row*a_row + i*a_loop] and b[i, V vectors], i < count.
struct TransformedProduct {
  const float* a;
  std::int64_t a_row, a_loop;
  const float* b;
  std::int64_t count;
  float* to;
  bool adds;
};
void multiply(TransformedProduct product, std::int64_t rows, int vectors);

/// Floats of `count` rows of numbers at one position: not a multiple of a page's, or all positions
/// would share the same few places of the cache.
inline std::int64_t position_floats(std::int64_t count) { return count + 16; }

}  // namespace TESSERA_CPU_NAMESPACE

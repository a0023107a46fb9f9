// The tiles of Winograd's algorithm: which convolutions they pay for, and the products of their
// transforms.
#include "backends/cpu/conv2d_winograd.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

template <int T, int V>
struct ProductTile {
  static void call(const TransformedProduct& product) {
    Tile<T, V> tile;
    repeat<T>([&](auto t) __attribute__((always_inline)) {
      repeat<V>([&](auto v) __attribute__((always_inline)) {
        tile.acc[t][v] = product.adds ? load(product.to + (t * V + v) * lanes) : Vec{};
      });
    });
    tile.accumulate(product.a, product.a_row, product.a_loop, product.b, V * lanes, product.count);
    repeat<T>([&](auto t) __attribute__((always_inline)) {
      repeat<V>([&](auto v) __attribute__((always_inline)) {
        store(product.to + (t * V + v) * lanes, tile.acc[t][v]);
      });
    });
  }
};

constexpr auto narrow_tiles = tile_functions<ProductTile, 1>();
constexpr auto wide_tiles = tile_functions<ProductTile, 2>();

/// Whether the tiles leave at most half of the products.
bool pays(const Tiling& tiling) {
  return 9 * tiling.N * tiling.P * tiling.Q >= 2 * tiling.positions() * tiling.tiles();
}

/// Small tiles where large ones reach too far beyond the result.
Tiling choose_results(Tiling tiling) {
  tiling.results = 4;
  if (pays(tiling)) return tiling;
  tiling.results = 2;
  return tiling;
}

}  // namespace

void multiply(TransformedProduct product, std::int64_t rows, int vectors) {
  const std::int64_t most = tile_vectors / vectors, tiles = (rows + most - 1) / most;
  const TransformedProduct all = product;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const Range range = chunk_range(rows, tiles, tile);
    product.a = all.a + range.begin * all.a_row;
    product.to = all.to + range.begin * vectors * lanes;
    const auto height = static_cast<std::size_t>(range.end - range.begin - 1);
    (vectors == 2 ? wide_tiles[height] : narrow_tiles[height])(product);
  }
}

Tiling forward_tiling(const Conv2dGeometry& g) {
  return choose_results({g.N, g.H, g.W, g.C, g.P, g.Q, g.K, g.padding_h, g.padding_w, 0});
}

Tiling gradient_tiling(const Conv2dGeometry& g) {
  return choose_results(
      {g.N, g.P, g.Q, g.K, g.H, g.W, g.C, g.R - 1 - g.padding_h, g.S - 1 - g.padding_w, 0});
}

std::string refuse_winograd(const Conv2dGeometry& g, const Tiling& tiling, std::int64_t fewest) {
  if (g.R != 3 || g.S != 3) return "the filter is not 3x3";
  if (g.stride_h * g.stride_w * g.dilation_h * g.dilation_w != 1) return "it strides or dilates";
  if (g.groups != 1) return "it has groups";
  if (std::min(g.C, g.K) < 16) return "it has fewer than 16 channels";
  if (!pays(tiling)) return "too little of each tile is used";
  return tiling.tiles() < fewest ? "the tiles are too few for the filters' transforms" : "";
}

}  // namespace TESSERA_CPU_NAMESPACE

// The products of the transformed tiles of Winograd's algorithm.
#include "backends/cpu/ops/conv2d_winograd.h"

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

}  // namespace TESSERA_CPU_NAMESPACE

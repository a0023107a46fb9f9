// The register tiles of kernels for CPUs that are worth trying: rows (or pixels) times vectors.
#pragma once

#include <algorithm>

#include "backends/opencl/lowering/algorithm.h"

namespace tessera::opencl {

struct RegisterTile {
  std::int64_t rows, vectors;
};

/// As parameters "rows" and "vectors"; `vectors` would hold a whole row. Vectors of 16 lanes mean
/// 32 registers, others 16, of which the operands need a few.
inline std::vector<Parameters> register_tiles(const DeviceNode& l, const RegisterTile& usual,
                                              std::int64_t vectors) {
  constexpr RegisterTile tiles[] = {{4, 2}, {4, 3},  {6, 2},  {6, 4},  {8, 1}, {8, 2},
                                    {8, 3}, {12, 1}, {12, 2}, {14, 2}, {24, 1}};
  const std::int64_t most = l.width() == 16 ? 28 : 16;
  std::vector<Parameters> all;
  for (const RegisterTile& tile : tiles)
    if (tile.rows * tile.vectors <= most && tile.vectors <= vectors &&
        (tile.rows != usual.rows || tile.vectors != usual.vectors))
      all.push_back({{"rows", tile.rows}, {"vectors", tile.vectors}});
  return all;
}

}  // namespace tessera::opencl

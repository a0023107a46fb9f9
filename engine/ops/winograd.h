// The tiles of Winograd's algorithm: results x results results of a sliding 3x3 filter, from tiles
// of the source that are two larger and overlap. Shared by both backends: when the algorithm
// applies to a convolution.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "engine/ops/conv2d.h"

namespace tessera {

/// Returns the elements of a transformed tile.
inline std::int64_t winograd_positions(std::int64_t results) {
  return (results + 2) * (results + 2);
}

inline std::int64_t winograd_tiles_of_image(const Conv2dSlide& s, std::int64_t results) {
  return ((s.P + results - 1) / results) * ((s.Q + results - 1) / results);
}
inline std::int64_t winograd_tiles(const Conv2dSlide& s, std::int64_t results) {
  return s.N * winograd_tiles_of_image(s, results);
}

/// Whether tiles save at least half of the products.
inline bool winograd_pays(const Conv2dSlide& s, std::int64_t results) {
  return 9 * s.N * s.P * s.Q >= 2 * winograd_positions(results) * winograd_tiles(s, results);
}
/// Returns small tiles if large ones extend too far past the result.
inline std::int64_t winograd_results(const Conv2dSlide& s) {
  return !winograd_pays(s, 4) && winograd_pays(s, 2) ? 2 : 4;
}

/// Returns why the algorithm cannot compute a convolution; empty: it can.
inline std::string refuse_winograd(const Conv2dGeometry& g) {
  if (g.R != 3 || g.S != 3) return "the filter is not 3x3";
  if (g.stride_h * g.stride_w * g.dilation_h * g.dilation_w != 1)
    return "it has a stride or dilation";
  return g.groups != 1 ? "it has groups" : "";
}
/// Returns why the algorithm is slower on a CPU, or an empty text. It is faster from this many
/// input and output channels and tiles on.
inline std::string doubt_winograd(const Conv2dSlide& s, std::int64_t channels, std::int64_t tiles) {
  if (std::min(s.ins, s.outs) < channels)
    return "it has fewer than " + std::to_string(channels) + " channels";
  const std::int64_t results = winograd_results(s);
  if (!winograd_pays(s, results)) return "too little of each tile is used";
  return winograd_tiles(s, results) < tiles
             ? "it has too few tiles to amortize the filter transforms"
             : "";
}
/// Returns either reason.
inline std::string refuse_winograd(const Conv2dGeometry& g, const Conv2dSlide& s,
                                   std::int64_t channels, std::int64_t tiles) {
  std::string reason = refuse_winograd(g);
  return reason.empty() ? doubt_winograd(s, channels, tiles) : reason;
}

}  // namespace tessera

// The tiles of Winograd's algorithm: results x results results of a sliding 3x3 filter, from tiles
// of the source that are two larger and overlap. When it is for a convolution, for both backends.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "engine/ops/conv2d.h"

namespace tessera {

/// The numbers of a transformed tile.
inline std::int64_t winograd_positions(std::int64_t results) {
  return (results + 2) * (results + 2);
}

inline std::int64_t winograd_tiles_of_image(const Conv2dSlide& s, std::int64_t results) {
  return ((s.P + results - 1) / results) * ((s.Q + results - 1) / results);
}
inline std::int64_t winograd_tiles(const Conv2dSlide& s, std::int64_t results) {
  return s.N * winograd_tiles_of_image(s, results);
}

/// Whether tiles leave at most half of the products.
inline bool winograd_pays(const Conv2dSlide& s, std::int64_t results) {
  return 9 * s.N * s.P * s.Q >= 2 * winograd_positions(results) * winograd_tiles(s, results);
}
/// Small tiles where large ones reach too far beyond the result.
inline std::int64_t winograd_results(const Conv2dSlide& s) {
  return !winograd_pays(s, 4) && winograd_pays(s, 2) ? 2 : 4;
}

/// Why the algorithm cannot compute a convolution; empty: it can.
inline std::string refuse_winograd(const Conv2dGeometry& g) {
  if (g.R != 3 || g.S != 3) return "the filter is not 3x3";
  if (g.stride_h * g.stride_w * g.dilation_h * g.dilation_w != 1) return "it strides or dilates";
  return g.groups != 1 ? "it has groups" : "";
}
/// Why it does not pay on a CPU, or an empty text; it pays from so many channels on either side and
/// so many tiles on.
inline std::string doubt_winograd(const Conv2dSlide& s, std::int64_t channels, std::int64_t tiles) {
  if (std::min(s.ins, s.outs) < channels)
    return "it has fewer than " + std::to_string(channels) + " channels";
  const std::int64_t results = winograd_results(s);
  if (!winograd_pays(s, results)) return "too little of each tile is used";
  return winograd_tiles(s, results) < tiles ? "the tiles are too few for the filters' transforms"
                                            : "";
}
/// Both reasons.
inline std::string refuse_winograd(const Conv2dGeometry& g, const Conv2dSlide& s,
                                   std::int64_t channels, std::int64_t tiles) {
  std::string reason = refuse_winograd(g);
  return reason.empty() ? doubt_winograd(s, channels, tiles) : reason;
}

}  // namespace tessera

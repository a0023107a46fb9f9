// Conversion of image bytes to floats.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/graph.h"

namespace tessera {

/// Padding and normalization of images.
struct ImageOptions {
  std::int64_t padding = 0;            ///< rows and columns of byte 0 added on each side
  std::vector<double> mean = {};       ///< per channel, of pixels in [0,1]; empty: 0
  std::vector<double> deviation = {};  ///< per channel; empty: 1
};

/// Converts bytes to floats: y = (x / 255 - mean[c]) / deviation[c], after padding. x u8 [N,H,W,C]
/// -> y f32 [N,H+2*padding,W+2*padding,C].
TESSERA_API Var image_to_float(Var x, const ImageOptions& options = {}, std::string name = {});

}  // namespace tessera

// Shared by the ops that convert bytes to floats: attributes padding, mean and deviation.
#pragma once

#include <vector>

#include "tessera/op.h"
#include "tessera/ops/image.h"

namespace tessera {

/// Checks the three attributes against input 0, [N,H,W,C]; returns the padding.
std::int64_t check_image_attributes(const InferContext& context);
Attributes image_attributes(Var x, const ImageOptions& options);
/// Scale and shift of each channel: (byte / 255 - mean) / deviation = byte * scale + shift.
std::vector<float> image_factors(const Attributes& attributes);

}  // namespace tessera

// Pictures in another size.
#pragma once

#include <cstdint>
#include <span>

#include "engine/data/picture.h"

namespace tessera::data {

/// Bilinear interpolation that takes all pixels into account where it makes smaller: what
/// torchvision.transforms.Resize does by default, to within rounding. Weights fall off linearly
/// from the place of a pixel to the distance of one pixel of the coarser of both pictures.
/// `pixels`: [height,width,channels of the picture].
void resize(const Decoded& picture, std::int64_t height, std::int64_t width,
            std::span<std::uint8_t> pixels);

}  // namespace tessera::data

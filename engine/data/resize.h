// Images in another size.
#pragma once

#include <cstdint>
#include <span>

#include "engine/data/image_format.h"
#include "tessera/data.h"

namespace tessera::data {

/// Bilinear interpolation that takes all pixels into account where it makes smaller: what
/// torchvision.transforms.Resize does by default, to within rounding. Weights fall off linearly
/// from the place of a pixel to the distance of one pixel of the coarser of both images. The sides
/// are scaled apart; with Crop::center both by the same factor, the smallest that fills the size,
/// and the center is cut, as Resize and CenterCrop do it.
/// `pixels`: [height,width,channels of the image].
void resize(const Decoded& image, std::int64_t height, std::int64_t width, Crop crop,
            std::span<std::uint8_t> pixels);

}  // namespace tessera::data

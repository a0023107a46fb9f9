// Image resizing.
#pragma once

#include <cstdint>
#include <span>

#include "engine/data/image_format.h"
#include "tessera/data.h"

namespace tessera::data {

/// Bilinear interpolation with antialiasing, as torchvision.transforms.Resize does by default, to
/// within rounding. Weights fall off linearly up to a distance of one pixel of the coarser image.
/// The sides are scaled independently. With Crop::center both sides have the smallest factor that
/// fills the size, and the center is cropped, as with Resize and CenterCrop. `pixels`:
/// [height,width,channels of the image].
void resize(const Decoded& image, std::int64_t height, std::int64_t width, Crop crop,
            std::span<std::uint8_t> pixels);

}  // namespace tessera::data

// How a camera was held, as JPEG files say it in their Exif data.
#pragma once

#include <cstdint>
#include <span>

#include "engine/data/picture.h"

namespace tessera::data {

/// Exif's orientation of a JPEG file, 1 to 8; 1, as it is, where nothing sensible is said.
int orientation_of(std::span<const std::uint8_t> jpeg);

/// The picture the right way up.
Decoded upright(const Decoded& picture, int orientation);

}  // namespace tessera::data

// How a camera was held, from Exif data.
#pragma once

#include "engine/data/image_format.h"

namespace tessera::data {

/// Exif's orientation, 1 to 8, of Exif data without a heading; 1, upright, where they say nothing
/// or are damaged.
int exif_orientation(FileBytes exif);

/// The image that is seen when it is turned and mirrored as the orientation says.
Decoded upright(const Decoded& image, int orientation);

}  // namespace tessera::data

// The orientation of a photo, from Exif data.
#pragma once

#include "engine/data/image_format.h"

namespace tessera::data {

/// Returns the orientation, 1 to 8, of Exif data without a heading; 1 (upright) if it is missing or
/// damaged.
int exif_orientation(FileBytes exif);

/// Returns the image rotated and mirrored by the orientation.
Decoded upright(const Decoded& image, int orientation);

}  // namespace tessera::data

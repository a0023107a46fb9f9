// CSV files: one image a row, its label and then its pixels.
#pragma once

#include <string>

#include "engine/data/images.h"

namespace tessera::data {

/// Rows "label,pixel,pixel,..." of whole numbers, pixels 0 to 255, row by row, the channels of a
/// pixel side by side; a first line of names is passed over. The file may be gzipped. Where
/// `height` is 0 images are square, where `channels` is 0 grey, or colour if only that gives a
/// square. Throws Error that names the file and the line.
Images read_csv(const std::string& path, std::int64_t height, std::int64_t width,
                std::int64_t channels);

}  // namespace tessera::data

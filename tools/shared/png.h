// PNG files in memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "tessera/data.h"

namespace tessera::tools {

/// Whether images of a data set can be PNG files: they have 1 to 4 channels.
bool is_picture(const ImageDataset& dataset);
/// Returns the PNG file of such an image.
std::string encode_png(const ImageDataset& dataset, std::int64_t index);

}  // namespace tessera::tools

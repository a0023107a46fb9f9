// Pictures as PNG files in memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "tessera/data.h"

namespace tessera::tools {

/// The file of a picture of a data set, whose images have 1 to 4 channels.
std::string encode_png(const Dataset& dataset, std::int64_t index);

}  // namespace tessera::tools

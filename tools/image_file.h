// Pictures from files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/network.h"

namespace tessera::tools {

/// Reads a PNG, PGM or PPM file as bytes [H,W,C] of the input's size: grey and colour are
/// converted into each other, other sizes scaled. Throws Error that names the file.
std::vector<std::uint8_t> read_image(const std::string& path, const ImageInput& input);

}  // namespace tessera::tools

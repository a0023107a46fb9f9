// JPEG files, by libjpeg-turbo.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "engine/data/picture.h"

namespace tessera::data {

/// Grey (1 channel), colour (3), or colour with alpha (4). Nothing for what libjpeg-turbo does not
/// convert: grey with alpha (2), and files of four inks. Throws Error when the file is damaged or
/// too large.
std::optional<Decoded> decode_jpeg(std::span<const std::uint8_t> file, std::int64_t channels);

}  // namespace tessera::data

// Image files as bytes of a wanted size.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tessera/data.h"

namespace tessera::data {

/// What an image file becomes.
struct PictureSize {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;  ///< 1 to 4: gray, with alpha, RGB, with alpha
  Crop crop = Crop::none;
  std::int64_t max_pixels = default_max_image_pixels;  ///< of a file

  std::int64_t bytes() const { return height * width * channels; }
};

/// Throws Error for what read_picture cannot give.
void check(const PictureSize& size);

/// Decodes a file to bytes [H,W,C] of this size: gray and color are converted into each other, 16
/// bits to 8, alpha is left out, and other sizes are scaled, after cutting the center where `crop`
/// says so. All decoders together use at most 6 bytes of memory for each of `max_pixels`, or 64
/// MiB: threads wait for each other. Throws Error that names the file, also when it is cut short, a
/// check sum does not fit, or it needs more memory.
void read_picture(const std::string& path, const PictureSize& size, std::span<std::uint8_t> pixels);

/// The file name extensions of the formats that are read, in lower case, with the dot.
std::span<const std::string_view> picture_extensions();
/// "PNG, JPEG, ..."
constexpr const char* picture_formats = "PNG, JPEG, WebP, TIFF, BMP, GIF, PGM or PPM";

}  // namespace tessera::data

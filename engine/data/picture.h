// Image files as bytes of a requested size.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tessera/data.h"

namespace tessera::data {

/// The requested result of decoding.
struct PictureSize {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;  ///< 1 to 4: gray, with alpha, RGB, with alpha
  Crop crop = Crop::none;
  std::int64_t max_pixels = default_max_image_pixels;  ///< of a file

  std::int64_t bytes() const { return height * width * channels; }
};

/// Throws Error for a size or channels that read_picture does not support.
void check(const PictureSize& size);

/// Decodes a file to bytes [H,W,C] of this size. Converts between gray and color and from 16 bits
/// to 8, drops alpha, and scales other sizes, after cropping the center if `crop` requests it. All
/// decoders together use at most 6 bytes of memory per pixel of `max_pixels`, or 64 MiB; threads
/// wait for each other. Throws Error that names the file, also if it is truncated, has a wrong
/// checksum or needs more memory.
void read_picture(const std::string& path, const PictureSize& size, std::span<std::uint8_t> pixels);

/// Returns the extensions of the supported formats, in lower case, with the dot.
std::span<const std::string_view> picture_extensions();
/// "PNG, JPEG, ..."
constexpr const char* picture_formats = "PNG, JPEG, WebP, TIFF, BMP, GIF, PGM or PPM";

}  // namespace tessera::data

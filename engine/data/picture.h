// Pictures: PNG, JPEG, PGM and PPM files.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tessera::data {

struct PictureSize {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;  ///< 1 to 4: grey, with alpha, colour, with alpha

  std::int64_t bytes() const { return height * width * channels; }
};

/// Bytes [H,W,C].
struct Decoded {
  std::int64_t height, width, channels;
  std::vector<std::uint8_t> pixels;
};

/// Throws Error, without the name of the file, for a picture with more pixels than are decoded.
void check_pixels(std::int64_t height, std::int64_t width);

/// Throws Error for what read_picture cannot give.
void check(const PictureSize& size);

/// Decodes a file to bytes [H,W,C] of this size: grey and colour are converted into each other, 16
/// bits to 8, alpha is left out, and other sizes are scaled. Throws Error that names the file, also
/// when it is cut short or a check sum does not fit.
void read_picture(const std::string& path, const PictureSize& size, std::span<std::uint8_t> pixels);

}  // namespace tessera::data

#include "engine/data/exif.h"

#include <algorithm>

namespace tessera::data {

int exif_orientation(FileBytes exif) {
  constexpr std::uint32_t tag = 0x0112;
  constexpr std::size_t entry = 12;
  const bool is_little = !exif.empty() && exif[0] == 'I';
  const auto number = [&](std::size_t at, std::size_t bytes) {
    return is_little ? little_endian(exif, at, bytes) : big_endian(exif, at, bytes);
  };
  const std::size_t directory = number(4, 4);
  const std::size_t count = number(directory, 2);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = directory + 2 + i * entry;
    if (number(at, 2) != tag) continue;
    const std::uint32_t value = number(at + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Decoded upright(const Decoded& image, int orientation) {
  const std::int64_t H = image.height, W = image.width, C = image.channels;
  const bool sideways = orientation > 4;
  // The sides of the file's image that become the last row and the last column of the result.
  const bool from_below =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  Decoded result{sideways ? W : H, sideways ? H : W, C, {}};
  result.pixels.resize(image.pixels.size());
  auto to = result.pixels.begin();
  for (std::int64_t p = 0; p < result.height; ++p)
    for (std::int64_t q = 0; q < result.width; ++q) {
      const std::int64_t row = sideways ? q : p, column = sideways ? p : q;
      const std::int64_t h = from_below ? H - 1 - row : row;
      const std::int64_t w = from_right ? W - 1 - column : column;
      to = std::copy_n(image.pixels.begin() + (h * W + w) * C, C, to);
    }
  return result;
}

}  // namespace tessera::data

#include "engine/data/exif.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace tessera::data {
namespace {

using Bytes = std::span<const std::uint8_t>;

/// The content of the first segment with Exif data, without its heading; empty if there is none.
Bytes exif_of(Bytes jpeg) {
  constexpr std::string_view heading("Exif\0\0", 6);
  for (std::size_t at = 2; at + 4 <= jpeg.size() && jpeg[at] == 0xff;) {
    const std::uint8_t marker = jpeg[at + 1];
    const std::size_t length = std::size_t{jpeg[at + 2]} << 8 | jpeg[at + 3];
    if (marker == 0xda || length < 2 || length > jpeg.size() - at - 2) break;  // pixels, or damage
    const Bytes content = jpeg.subspan(at + 4, length - 2);
    if (marker == 0xe1 && content.size() > heading.size() &&
        std::memcmp(content.data(), heading.data(), heading.size()) == 0)
      return content.subspan(heading.size());
    at += 2 + length;
  }
  return {};
}

/// TIFF, whose numbers begin with the lowest or with the highest byte.
class Tiff {
 public:
  explicit Tiff(Bytes bytes) : bytes_(bytes), little_(!bytes.empty() && bytes[0] == 'I') {}

  /// 0 behind the end.
  std::uint32_t number(std::size_t at, std::size_t bytes) const {
    if (at > bytes_.size() || bytes > bytes_.size() - at) return 0;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      value = value << 8 | bytes_[at + (little_ ? bytes - 1 - i : i)];
    return value;
  }

 private:
  Bytes bytes_;
  bool little_;
};

}  // namespace

int orientation_of(Bytes jpeg) {
  constexpr std::uint32_t tag = 0x0112;
  constexpr std::size_t entry = 12;
  const Tiff tiff(exif_of(jpeg));
  const std::size_t directory = tiff.number(4, 4);
  const std::size_t count = tiff.number(directory, 2);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = directory + 2 + i * entry;
    if (tiff.number(at, 2) != tag) continue;
    const std::uint32_t value = tiff.number(at + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Decoded upright(const Decoded& picture, int orientation) {
  const std::int64_t H = picture.height, W = picture.width, C = picture.channels;
  const bool sideways = orientation > 4;
  // Which sides the last row and the last column of the result are in the file.
  const bool from_below =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  Decoded result{sideways ? W : H, sideways ? H : W, C, {}};
  result.pixels.resize(picture.pixels.size());
  auto to = result.pixels.begin();
  for (std::int64_t p = 0; p < result.height; ++p)
    for (std::int64_t q = 0; q < result.width; ++q) {
      const std::int64_t row = sideways ? q : p, column = sideways ? p : q;
      const std::int64_t h = from_below ? H - 1 - row : row;
      const std::int64_t w = from_right ? W - 1 - column : column;
      to = std::copy_n(picture.pixels.begin() + (h * W + w) * C, C, to);
    }
  return result;
}

}  // namespace tessera::data

#include "engine/data/image_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "tessera/error.h"

namespace tessera::data {
namespace {

/// The weights of red, green and blue are those of BT.601 in 256ths.
std::uint8_t gray(const std::uint8_t* rgb) {
  return static_cast<std::uint8_t>((77 * rgb[0] + 150 * rgb[1] + 29 * rgb[2]) >> 8);
}

void convert_pixel(const std::uint8_t* from, std::int64_t from_channels, std::uint8_t* to,
                   std::int64_t to_channels) {
  const bool is_gray = from_channels < 3, has_alpha = from_channels % 2 == 0;
  const std::uint8_t alpha = has_alpha ? from[from_channels - 1] : 255;
  if (to_channels < 3) {
    to[0] = is_gray ? from[0] : gray(from);
  } else {
    const std::uint8_t red = from[0], green = from[is_gray ? 0 : 1], blue = from[is_gray ? 0 : 2];
    to[0] = red, to[1] = green, to[2] = blue;
  }
  if (to_channels % 2 == 0) to[to_channels - 1] = alpha;
}

}  // namespace

bool starts_with(FileBytes bytes, std::string_view start) {
  return bytes.size() >= start.size() &&
         std::equal(start.begin(), start.end(), bytes.begin(),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

std::uint32_t little_endian(FileBytes bytes, std::size_t at, std::size_t count) {
  if (at > bytes.size() || count > bytes.size() - at) return 0;
  std::uint32_t value = 0;
  for (std::size_t i = count; i > 0; --i) value = value << 8 | bytes[at + i - 1];
  return value;
}

std::uint32_t big_endian(FileBytes bytes, std::size_t at, std::size_t count) {
  if (at > bytes.size() || count > bytes.size() - at) return 0;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | bytes[at + i];
  return value;
}

Decoded make_image(const ImageHeader& header, std::int64_t channels) {
  Decoded image{header.height, header.width, channels, {}};
  image.pixels.resize(static_cast<std::size_t>(header.height * header.width * channels));
  return image;
}

void convert_channels(Decoded& image, std::int64_t channels) {
  const std::int64_t from = image.channels, count = image.height * image.width;
  if (from == channels) return;
  const auto size = static_cast<std::size_t>(count * channels);
  std::vector<std::uint8_t> grown(channels > from ? size : 0);
  std::uint8_t* to = channels > from ? grown.data() : image.pixels.data();
  for (std::int64_t i = 0; i < count; ++i)
    convert_pixel(image.pixels.data() + i * from, from, to + i * channels, channels);
  if (channels > from) image.pixels = std::move(grown);
  image.pixels.resize(size);
  image.channels = channels;
}

void throw_undecodable(std::string_view format, std::string_view library, std::string_view reason) {
  while (reason.starts_with(':') || reason.starts_with(' ')) reason.remove_prefix(1);
  std::string line(reason.substr(0, std::min<std::size_t>(reason.find('\n'), 200)));
  if (line.empty()) line = "no reason given";
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  throw Error(fmt::format("cannot be decoded as {} ({}: {})", format, library, line));
}

}  // namespace tessera::data

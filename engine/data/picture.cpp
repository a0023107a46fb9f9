#include "engine/data/picture.h"

#include <fmt/format.h>
#include <stb/stb_image.h>
#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string_view>

#include "engine/data/exif.h"
#include "engine/data/jpeg.h"
#include "engine/data/resize.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::int64_t most_pixels = std::int64_t{1} << 28;
constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30;
constexpr const char* cut_short = "is cut short";

Bytes read_bytes(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) throw Error("there is no such file");
  if (!fs::is_regular_file(status)) throw Error("is not a regular file");
  const std::uint64_t size = fs::file_size(path, error);
  if (error) throw Error("cannot be read: " + error.message());
  if (size > most_bytes)
    throw Error(fmt::format("has {} bytes, expected at most {}", size, most_bytes));
  Bytes bytes(size);
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(fmt::format("cannot be opened: {}", std::strerror(errno)));
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (!file) throw Error("cannot be read");
  return bytes;
}

bool starts_with(const Bytes& bytes, std::string_view start) {
  return bytes.size() >= start.size() &&
         std::equal(start.begin(), start.end(), bytes.begin(),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

std::uint32_t big_endian(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | bytes[3];
}

/// The decoder takes no notice of check sums.
void check_png(const Bytes& bytes) {
  constexpr std::size_t frame = 12;  // length, type and check sum of a chunk
  for (std::size_t at = 8; bytes.size() - at >= frame;) {
    const std::uint8_t* chunk = bytes.data() + at;
    const std::uint32_t length = big_endian(chunk);
    if (length > bytes.size() - at - frame) throw Error(cut_short);
    if (crc32(0, chunk + 4, length + 4) != big_endian(chunk + 8 + length))
      throw Error("is damaged: a check sum does not fit");
    if (std::memcmp(chunk + 4, "IEND", 4) == 0) return;
    at += frame + length;
  }
  throw Error(cut_short);
}

/// The decoder takes what is missing at the end as grey: follows the markers to that of the end.
void check_jpeg(const Bytes& bytes) {
  for (std::size_t at = 2; at + 1 < bytes.size();) {
    const std::uint8_t marker = bytes[at + 1];
    const bool is_marker = bytes[at] == 0xff && marker != 0 && marker != 0xff;
    const bool is_alone = marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    if (is_marker && marker == 0xd9) return;
    if (!is_marker)
      ++at;  // pixels, or filling
    else if (is_alone)
      at += 2;
    else if (at + 3 < bytes.size())
      at += 2 + (std::size_t{bytes[at + 2]} << 8 | bytes[at + 3]);
    else
      break;
  }
  throw Error(cut_short);
}

/// The decoder takes what lies in memory for what is missing. After P5 or P6 come width, height and
/// the largest value, with comments between, one space, and the pixels.
void check_pnm(const Bytes& bytes) {
  const bool colour = bytes[1] == '6';
  std::size_t at = 2;
  const auto next = [&] { return at < bytes.size() ? bytes[at++] : throw Error(cut_short); };
  const auto number = [&] {
    std::uint8_t c = next();
    for (; std::isspace(c) || c == '#'; c = next())
      while (c == '#' && next() != '\n') {
      }
    std::uint64_t value = 0;
    for (; std::isdigit(c) && value < 100'000'000; c = next()) value = 10 * value + (c - '0');
    return value;
  };
  const std::uint64_t width = number(), height = number(), largest = number();
  if (bytes.size() - at < width * height * (colour ? 3 : 1) * (largest > 255 ? 2 : 1))
    throw Error(cut_short);
}

bool is_jpeg(const Bytes& bytes) { return starts_with(bytes, "\xff\xd8"); }

void check_file(const Bytes& bytes) {
  if (starts_with(bytes, "\x89PNG\r\n\x1a\n"))
    check_png(bytes);
  else if (is_jpeg(bytes))
    check_jpeg(bytes);
  else if (starts_with(bytes, "P5") || starts_with(bytes, "P6"))
    check_pnm(bytes);
  else
    throw Error("is not a PNG, JPEG, PGM or PPM picture");
}

Decoded decode(const Bytes& bytes, std::int64_t channels) {
  if (is_jpeg(bytes))
    if (auto picture = decode_jpeg(bytes, channels)) return std::move(*picture);
  const int length = static_cast<int>(bytes.size());
  int width = 0, height = 0, channels_in_file = 0;
  if (stbi_info_from_memory(bytes.data(), length, &width, &height, &channels_in_file))
    check_pixels(height, width);
  const std::unique_ptr<stbi_uc, void (*)(void*)> decoded(
      stbi_load_from_memory(bytes.data(), length, &width, &height, &channels_in_file,
                            static_cast<int>(channels)),
      stbi_image_free);
  if (!decoded) throw Error(fmt::format("cannot be decoded: {}", stbi_failure_reason()));
  if (width < 1 || height < 1)
    throw Error(fmt::format("is {}x{}, expected at least 1x1", height, width));
  return {height, width, channels,
          Bytes(decoded.get(), decoded.get() + std::int64_t{height} * width * channels)};
}

void read(const std::string& path, const PictureSize& size, std::span<std::uint8_t> pixels) {
  const Bytes bytes = read_bytes(path);
  check_file(bytes);
  Decoded picture = decode(bytes, size.channels);
  const int orientation = is_jpeg(bytes) ? orientation_of(bytes) : 1;
  if (orientation != 1) picture = upright(picture, orientation);
  if (picture.height == size.height && picture.width == size.width)
    std::copy(picture.pixels.begin(), picture.pixels.end(), pixels.begin());
  else
    resize(picture, size.height, size.width, pixels);
}

}  // namespace

void check_pixels(std::int64_t height, std::int64_t width) {
  if (width > 0 && height > most_pixels / width)
    throw Error(fmt::format("is {}x{}, expected at most {} pixels", height, width, most_pixels));
}

void check(const PictureSize& size) {
  if (size.height < 1 || size.width < 1 || size.height > most_pixels / size.width)
    throw Error("pictures",
                fmt::format("size is {}x{}, expected at least 1x1", size.height, size.width));
  if (size.channels < 1 || size.channels > 4)
    throw Error("pictures", fmt::format("channels are {}, expected 1 to 4", size.channels));
}

void read_picture(const std::string& path, const PictureSize& size,
                  std::span<std::uint8_t> pixels) {
  try {
    read(path, size, pixels);
  } catch (const Error& error) {
    throw Error(path, error.what());
  }
}

}  // namespace tessera::data

// BMP files, and the first frame of GIF files, by stb. It reads missing data as zeros and accepts
// other formats, so the headers are checked first.
#include <fmt/format.h>
#include <stb/stb_image.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <vector>

#include "engine/data/image_format.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

bool is_bmp(FileBytes file) { return starts_with(file, "BM"); }
bool is_gif(FileBytes file) { return starts_with(file, "GIF87a") || starts_with(file, "GIF89a"); }

ImageHeader read_bmp_header(FileBytes file, std::int64_t channels) {
  constexpr std::size_t first_header = 14, old_header = 12;
  const std::uint32_t header_size = little_endian(file, first_header, 4);
  if (file.size() < first_header + 4 || file.size() - first_header < header_size)
    throw Error(cut_short);
  const bool is_old = header_size == old_header;
  if (!is_old && header_size != 40 && header_size != 56 && header_size != 108 && header_size != 124)
    throw Error(
        fmt::format("has a BMP header of {} bytes, expected 12, 40, 56, 108 or 124", header_size));
  const std::size_t field = is_old ? 2 : 4;
  const auto side = [&](std::size_t i) {
    const std::uint32_t value = little_endian(file, first_header + 4 + i * field, field);
    return is_old ? std::int64_t{value} : std::int64_t{static_cast<std::int32_t>(value)};
  };
  const std::int64_t width = side(0), height = std::abs(side(1));
  const std::int64_t bits = little_endian(file, first_header + 4 + 2 * field + 2, 2);
  const std::uint32_t compression = is_old ? 0 : little_endian(file, 30, 4);
  if (compression != 0 && compression != 3)
    throw Error("is a compressed BMP image, which is not supported; save it without compression");
  if (bits != 1 && bits != 4 && bits != 8 && bits != 16 && bits != 24 && bits != 32)
    throw Error(fmt::format("has {} bits for each pixel, expected 1, 4, 8, 16, 24 or 32", bits));
  if (width < 1) throw Error(fmt::format("has a width of {}, expected at least 1", width));
  const std::int64_t row_bytes = (width * bits + 31) / 32 * 4;
  if (std::ssize(file) - little_endian(file, 10, 4) < row_bytes * height) throw Error(cut_short);
  // The pixels as stored, where they are converted, and the result twice.
  return {height, width, (channels < 3 ? 4 : 0) + 2 * channels, 1};
}

/// Skips GIF blocks, each with its length first, up to an empty one.
std::size_t behind_blocks(FileBytes file, std::size_t at) {
  while (at < file.size() && file[at] > 0) at += 1 + std::size_t{file[at]};
  if (at >= file.size()) throw Error(cut_short);
  return at + 1;
}

std::size_t color_table_bytes(std::uint8_t flags) {
  return flags & 0x80 ? std::size_t{3} << ((flags & 7) + 1) : 0;
}

/// Finds the end of the first frame of a GIF file, and its control flags.
struct GifFrame {
  std::size_t end = 0;
  std::vector<std::size_t> flags;
};

GifFrame first_frame(FileBytes file) {
  constexpr std::size_t screen = 13, descriptor = 10;
  constexpr std::uint8_t control = 0xf9;
  if (file.size() < screen) throw Error(cut_short);
  GifFrame frame;
  for (std::size_t at = screen + color_table_bytes(file[10]);;) {
    if (file.size() < at + descriptor) throw Error(cut_short);
    if (file[at] == ',') {
      frame.end = behind_blocks(file, at + descriptor + color_table_bytes(file[at + 9]) + 1);
      return frame;
    }
    if (file[at] != '!')
      throw Error(file[at] == ';' ? "is a GIF file without an image"
                                  : "is damaged: unknown GIF block");
    if (file[at + 1] == control) frame.flags.push_back(at + 3);
    at = behind_blocks(file, at + 2);
  }
}

ImageHeader read_gif_header(FileBytes file, std::int64_t) {
  constexpr std::int64_t canvas_bytes = 10;  // the canvas twice, and flags of drawn pixels
  first_frame(file);
  return {little_endian(file, 8, 2), little_endian(file, 6, 2), canvas_bytes, 1};
}

Decoded decode(const ImageFormat& format, FileBytes file, const ImageHeader& header,
               std::int64_t channels) {
  int width = 0, height = 0, found = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> decoded(
      stbi_load_from_memory(file.data(), static_cast<int>(file.size()), &width, &height, &found,
                            static_cast<int>(channels)),
      stbi_image_free);
  if (!decoded) throw_undecodable(format.name, "stb_image", stbi_failure_reason());
  if (width != header.width || height != header.height)
    throw Error("is damaged: its size differs from its header");
  Decoded image = make_image(header, channels);
  std::copy_n(decoded.get(), image.pixels.size(), image.pixels.begin());
  return image;
}

Decoded decode_bmp(FileBytes file, const ImageHeader& header, std::int64_t channels) {
  return decode(bmp_format, file, header, channels);
}

/// Transparent pixels have a color too, which stb drops.
Decoded decode_gif(FileBytes file, const ImageHeader& header, std::int64_t channels) {
  constexpr std::uint8_t transparent = 1;
  const GifFrame frame = first_frame(file);
  std::vector<std::uint8_t> opaque(file.begin(),
                                   file.begin() + static_cast<std::ptrdiff_t>(frame.end));
  if (channels % 2 == 1)
    for (const std::size_t at : frame.flags) opaque[at] &= static_cast<std::uint8_t>(~transparent);
  return decode(gif_format, opaque, header, channels);
}

}  // namespace

const ImageFormat bmp_format{"BMP", is_bmp, read_bmp_header, decode_bmp};
const ImageFormat gif_format{"GIF", is_gif, read_gif_header, decode_gif};

}  // namespace tessera::data

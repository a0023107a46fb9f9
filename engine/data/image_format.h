// Image file formats: detection, header and decoding.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tessera::data {

using FileBytes = std::span<const std::uint8_t>;

constexpr const char* cut_short = "is cut short";

/// Bytes [H,W,C]: gray (1 channel), gray with alpha (2), RGB (3) or RGBA (4).
struct Decoded {
  std::int64_t height, width, channels;
  std::vector<std::uint8_t> pixels;
};

/// The properties of an image that its header gives before decoding.
struct ImageHeader {
  std::int64_t height = 0;
  std::int64_t width = 0;
  /// Peak memory of decoding in bytes for each pixel, with the result, without the file.
  std::int64_t bytes_per_pixel = 0;
  int orientation = 1;  ///< as in Exif and TIFF, 1 to 8; 1 is upright
};

/// `channels` is the requested number. All functions throw Error without the file name.
struct ImageFormat {
  std::string_view name;
  bool (*matches)(FileBytes file);
  /// Reads the header of an image. Throws Error if the file is truncated, visibly damaged, or of an
  /// unsupported kind.
  ImageHeader (*read_header)(FileBytes file, std::int64_t channels);
  /// Decodes to `channels`, or to another number of channels that convert_channels() changes.
  Decoded (*decode)(FileBytes file, const ImageHeader& header, std::int64_t channels);
};

extern const ImageFormat png_format, jpeg_format, pnm_format, webp_format, tiff_format, gif_format,
    bmp_format;

/// Whether `bytes` begins with `start`.
bool starts_with(FileBytes bytes, std::string_view start);
/// Returns the number in `count` bytes at `at`, little or big endian; 0 past the end.
std::uint32_t little_endian(FileBytes bytes, std::size_t at, std::size_t count);
std::uint32_t big_endian(FileBytes bytes, std::size_t at, std::size_t count);

/// Returns an image of zeros. The sizes are from a header whose number of pixels was checked.
Decoded make_image(const ImageHeader& header, std::int64_t channels);
/// Repeats gray, converts colors to gray, adds an opaque alpha or drops alpha. In place if the
/// number of channels does not grow.
void convert_channels(Decoded& image, std::int64_t channels);

/// Throws Error that the pixels of a file cannot be decoded. `reason` is the message of `library`;
/// keeps one line of printable ASCII.
[[noreturn]] void throw_undecodable(std::string_view format, std::string_view library,
                                    std::string_view reason);

}  // namespace tessera::data

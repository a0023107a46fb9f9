// The formats of image files: how each is recognized, measured and decoded.
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
  int orientation = 1;  ///< of Exif and TIFF, 1 to 8: 1 is upright
};

/// `channels` is what the caller wants. All functions throw Error without the name of the file.
struct ImageFormat {
  std::string_view name;
  bool (*matches)(FileBytes file);
  /// Measures an image. Throws Error when the file is cut short, damaged where that can be seen
  /// without decoding, or of a kind that is not read.
  ImageHeader (*read_header)(FileBytes file, std::int64_t channels);
  /// Decodes to `channels`, or to another number of channels that convert_channels() changes.
  Decoded (*decode)(FileBytes file, const ImageHeader& header, std::int64_t channels);
};

extern const ImageFormat png_format, jpeg_format, pnm_format, webp_format, tiff_format, gif_format,
    bmp_format;

/// Whether `bytes` begins with `start`.
bool starts_with(FileBytes bytes, std::string_view start);
/// The number of `count` bytes at `at`, the lowest or the highest byte first; 0 behind the end.
std::uint32_t little_endian(FileBytes bytes, std::size_t at, std::size_t count);
std::uint32_t big_endian(FileBytes bytes, std::size_t at, std::size_t count);

/// An image of zeros. The sizes come from a header whose pixels have been counted.
Decoded make_image(const ImageHeader& header, std::int64_t channels);
/// Repeats gray, weighs colors to gray, adds an opaque alpha or leaves alpha out. In place where
/// the number of channels does not grow.
void convert_channels(Decoded& image, std::int64_t channels);

/// Throws Error: the pixels of a file cannot be decoded. `reason` is the text of `library`, of
/// which one line of printable ASCII is kept.
[[noreturn]] void throw_undecodable(std::string_view format, std::string_view library,
                                    std::string_view reason);

}  // namespace tessera::data

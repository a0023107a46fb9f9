// WebP files, by libwebp; reads the first frame of an animation.
#include <fmt/format.h>
#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <memory>

#include "engine/data/exif.h"
#include "engine/data/image_format.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

constexpr std::size_t riff_header = 12, chunk_header = 8;

bool is_webp(FileBytes file) {
  return file.size() >= riff_header && starts_with(file, "RIFF") &&
         starts_with(file.subspan(8), "WEBP");
}

[[noreturn]] void fail(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      throw Error(cut_short);
    case VP8_STATUS_OUT_OF_MEMORY:
      throw OutOfMemory("not enough memory to decode it");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      throw Error("cannot be decoded: unsupported kind of WebP image");
    default:
      throw Error("is damaged: inconsistent WebP data");
  }
}

WebPBitstreamFeatures features_of(FileBytes file) {
  WebPBitstreamFeatures features;
  const VP8StatusCode status = WebPGetFeatures(file.data(), file.size(), &features);
  if (status != VP8_STATUS_OK) fail(status);
  return features;
}

/// Returns the content of the first chunk of a type, or nothing.
FileBytes find_chunk(FileBytes file, std::string_view type) {
  for (std::size_t at = riff_header; file.size() - at >= chunk_header;) {
    const std::size_t length = little_endian(file, at + 4, 4);
    const FileBytes chunk = file.subspan(at + chunk_header);
    if (length > chunk.size()) break;
    if (starts_with(file.subspan(at), type)) return chunk.first(length);
    if (length + length % 2 > chunk.size()) break;
    at += chunk_header + length + length % 2;
  }
  return {};
}

std::int64_t decoded_channels(std::int64_t channels) { return channels % 2 == 0 ? 4 : 3; }

ImageHeader read_webp_header(FileBytes file, std::int64_t channels) {
  constexpr int lossy = 1;
  constexpr std::int64_t lossless_bytes = 5;  // 32-bit pixels, and their references
  constexpr std::int64_t canvas_bytes = 12;   // the frame, and the canvas before and after it
  if (little_endian(file, 4, 4) > file.size() - 8) throw Error(cut_short);
  const WebPBitstreamFeatures features = features_of(file);
  FileBytes exif = find_chunk(file, "EXIF");
  constexpr std::string_view heading("Exif\0\0", 6);
  if (starts_with(exif, heading)) exif = exif.subspan(heading.size());
  std::int64_t bytes = decoded_channels(channels);
  if (features.format != lossy) bytes += lossless_bytes;
  if (features.has_animation) bytes += canvas_bytes;
  return {features.height, features.width, bytes, exif_orientation(exif)};
}

Decoded decode_still(FileBytes file, const ImageHeader& header, std::int64_t channels) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) throw Error("there is no libwebp of this version");
  Decoded image = make_image(header, channels);
  config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {image.pixels.data(), static_cast<int>(header.width * channels),
                          image.pixels.size()};
  const VP8StatusCode status = WebPDecode(file.data(), file.size(), &config);
  WebPFreeDecBuffer(&config.output);
  if (status != VP8_STATUS_OK) fail(status);
  return image;
}

Decoded decode_first_frame(FileBytes file, const ImageHeader& header) {
  WebPAnimDecoderOptions options;
  if (!WebPAnimDecoderOptionsInit(&options)) throw Error("there is no libwebp of this version");
  options.color_mode = MODE_RGBA;
  const WebPData data{file.data(), file.size()};
  const std::unique_ptr<WebPAnimDecoder, void (*)(WebPAnimDecoder*)> decoder(
      WebPAnimDecoderNew(&data, &options), WebPAnimDecoderDelete);
  std::uint8_t* canvas = nullptr;
  int time = 0;
  if (!decoder || !WebPAnimDecoderGetNext(decoder.get(), &canvas, &time) || !canvas)
    fail(VP8_STATUS_BITSTREAM_ERROR);
  Decoded image = make_image(header, 4);
  std::copy_n(canvas, image.pixels.size(), image.pixels.begin());
  return image;
}

Decoded decode_webp(FileBytes file, const ImageHeader& header, std::int64_t channels) {
  return features_of(file).has_animation ? decode_first_frame(file, header)
                                         : decode_still(file, header, decoded_channels(channels));
}

}  // namespace

const ImageFormat webp_format{"WebP", is_webp, read_webp_header, decode_webp};

}  // namespace tessera::data

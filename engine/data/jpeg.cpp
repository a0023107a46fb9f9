// JPEG files, by libjpeg-turbo.
#include <turbojpeg.h>

#include <algorithm>
#include <memory>
#include <string>

#include "engine/data/exif.h"
#include "engine/data/image_format.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

using Decoder = std::unique_ptr<void, int (*)(tjhandle)>;

bool is_jpeg(FileBytes file) { return starts_with(file, "\xff\xd8"); }

/// Follows the markers from one to the next.
class Markers {
 public:
  explicit Markers(FileBytes file) : file_(file) {}

  /// Moves to the next marker. Returns false if the file ends without an end marker.
  bool next() {
    at_ += size_;
    for (; at_ + 1 < file_.size(); ++at_) {
      marker = file_[at_ + 1];
      if (file_[at_] != 0xff || marker == 0 || marker == 0xff) continue;  // pixels or padding
      const bool is_alone = marker == 0x01 || (marker >= 0xd0 && marker <= 0xd9);
      if (!is_alone && at_ + 3 >= file_.size()) return false;
      size_ = is_alone ? 2 : 2 + big_endian(file_, at_ + 2, 2);
      return true;
    }
    return false;
  }

  /// Returns the content of the segment, up to the end of the file.
  FileBytes content() const {
    const std::size_t begin = std::min(at_ + 4, file_.size());
    return file_.subspan(begin, std::min(size_ > 4 ? size_ - 4 : 0, file_.size() - begin));
  }

  std::uint8_t marker = 0;

 private:
  FileBytes file_;
  std::size_t at_ = 2, size_ = 0;
};

/// Returns the bytes per pixel of the coefficients, two bytes each, that the decoder stores for
/// images that are not sequential. `frame`: the segment with the image size.
std::int64_t coefficient_bytes(FileBytes frame) {
  constexpr std::size_t components = 6, component_size = 3, sampling = 1;
  std::int64_t all = 0, most = 1;
  for (std::size_t at = components; at + component_size <= frame.size(); at += component_size) {
    const std::int64_t factors = (frame[at + sampling] >> 4) * (frame[at + sampling] & 15);
    all += factors;
    most = std::max(most, factors);
  }
  return 2 * (all + most - 1) / most;
}

/// Some cameras write meaningless bytes between the segments.
void check(int result, tjhandle decoder) {
  if (result == 0) return;
  const std::string message = tjGetErrorStr2(decoder);
  const bool is_harmless = tjGetErrorCode(decoder) == TJERR_WARNING &&
                           message.find("extraneous bytes") != std::string::npos;
  if (!is_harmless) throw_undecodable("JPEG", "libjpeg-turbo", message);
}

struct TurboHeader {
  int width = 0, height = 0, sampling = 0, colors = 0;

  TurboHeader(FileBytes file, tjhandle decoder) {
    check(
        tjDecompressHeader3(decoder, file.data(), file.size(), &width, &height, &sampling, &colors),
        decoder);
  }
  bool has_inks() const { return colors == TJCS_CMYK || colors == TJCS_YCCK; }
};

Decoder make_decoder() {
  Decoder decoder(tjInitDecompress(), tjDestroy);
  if (!decoder) throw OutOfMemory("not enough memory to decode it");
  return decoder;
}

ImageHeader read_jpeg_header(FileBytes file, std::int64_t channels) {
  bool is_sequential = true, measured = false, begun = false;
  std::int64_t coefficients = 0;
  int orientation = 1;
  std::uint8_t components = 0;
  Markers markers(file);
  for (;;) {
    if (!markers.next()) throw Error(cut_short);
    const std::uint8_t marker = markers.marker;
    const FileBytes content = markers.content();
    constexpr std::string_view exif("Exif\0\0", 6);
    const bool is_frame =
        marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (marker == 0xd9) break;
    if (marker == 0xe1 && orientation == 1 && !begun && starts_with(content, exif))
      orientation = exif_orientation(content.subspan(exif.size()));
    if (is_frame && !measured && content.size() > 5) {
      measured = true;
      is_sequential = marker != 0xc2 && marker != 0xca;
      components = content[5];
      coefficients = coefficient_bytes(content);
    }
    if (marker == 0xda && !begun) {
      begun = true;
      is_sequential = is_sequential && !content.empty() && content[0] == components;
    }
  }
  const Decoder decoder = make_decoder();
  const TurboHeader header(file, decoder.get());
  const std::int64_t decoded =
      header.has_inks() ? 4 : (channels == 2 ? 3 : channels);  // gray, and gray with alpha
  return {header.height, header.width, decoded + (is_sequential ? 0 : coefficients), orientation};
}

/// Converts CMYK as Adobe's programs store it (255: no ink) to RGB.
void mix_inks(Decoded& image) {
  const std::size_t count = image.pixels.size() / 4;
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t c = 0; c < 3; ++c) {
      const int product = image.pixels[4 * i + c] * image.pixels[4 * i + 3] + 128;
      image.pixels[3 * i + c] = static_cast<std::uint8_t>((product + (product >> 8)) >> 8);
    }
  image.pixels.resize(3 * count);
  image.channels = 3;
}

Decoded decode_jpeg(FileBytes file, const ImageHeader& header, std::int64_t channels) {
  constexpr int formats[] = {0, TJPF_GRAY, TJPF_GRAY, TJPF_RGB, TJPF_RGBA};
  const Decoder decoder = make_decoder();
  const TurboHeader turbo(file, decoder.get());
  const bool has_inks = turbo.has_inks();
  Decoded image = make_image(header, has_inks ? 4 : (channels == 2 ? 1 : channels));
  check(tjDecompress2(decoder.get(), file.data(), file.size(), image.pixels.data(), turbo.width, 0,
                      turbo.height, has_inks ? TJPF_CMYK : formats[channels],
                      TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS),
        decoder.get());
  if (has_inks) mix_inks(image);
  return image;
}

}  // namespace

const ImageFormat jpeg_format{"JPEG", is_jpeg, read_jpeg_header, decode_jpeg};

}  // namespace tessera::data

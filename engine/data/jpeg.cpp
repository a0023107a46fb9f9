#include "engine/data/jpeg.h"

#include <turbojpeg.h>

#include <memory>
#include <string>

#include "tessera/error.h"

namespace tessera::data {
namespace {

/// Throws Error for a call that failed, but not for bytes that mean nothing between the parts of a
/// file: some cameras leave them.
void check(int result, tjhandle decoder) {
  if (result == 0) return;
  const std::string message = tjGetErrorStr2(decoder);
  const bool is_harmless = tjGetErrorCode(decoder) == TJERR_WARNING &&
                           message.find("extraneous bytes") != std::string::npos;
  if (!is_harmless) throw Error("cannot be decoded: " + message);
}

}  // namespace

std::optional<Decoded> decode_jpeg(std::span<const std::uint8_t> file, std::int64_t channels) {
  constexpr int formats[] = {0, TJPF_GRAY, 0, TJPF_RGB, TJPF_RGBA};
  if (channels == 2) return {};
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), tjDestroy);
  if (!decoder) throw Error("cannot be decoded: there is no memory");
  int width = 0, height = 0, sampling = 0, colours = 0;
  check(tjDecompressHeader3(decoder.get(), file.data(), file.size(), &width, &height, &sampling,
                            &colours),
        decoder.get());
  if (colours == TJCS_CMYK || colours == TJCS_YCCK) return {};
  check_pixels(height, width);
  Decoded picture{height, width, channels, {}};
  picture.pixels.resize(static_cast<std::size_t>(height) * static_cast<std::size_t>(width) *
                        static_cast<std::size_t>(channels));
  check(tjDecompress2(decoder.get(), file.data(), file.size(), picture.pixels.data(), width, 0,
                      height, formats[channels], TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS),
        decoder.get());
  return picture;
}

}  // namespace tessera::data

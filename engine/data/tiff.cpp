// TIFF files, by libtiff; reads the first page.
#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "engine/data/image_format.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

bool is_tiff(FileBytes file) {
  constexpr std::string_view starts[] = {{"II*\0", 4}, {"MM\0*", 4}, {"II+\0", 4}, {"MM\0+", 4}};
  return std::any_of(std::begin(starts), std::end(starts),
                     [&](std::string_view start) { return starts_with(file, start); });
}

/// A file in memory that libtiff reads through callbacks.
class TiffFile {
 public:
  explicit TiffFile(FileBytes file) : file_(file) {
    const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(
        TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
    if (!options) throw OutOfMemory("not enough memory to decode it");
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_error, this);
    TIFFOpenOptionsSetWarningHandlerExtR(
        options.get(), [](TIFF*, void*, const char*, const char*, va_list) { return 1; }, this);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), most_bytes);
    tiff_ = TIFFClientOpenExt("", "rm", this, read, write, seek, close, size, map, unmap,
                              options.get());
    if (!tiff_) fail();
  }
  ~TiffFile() { TIFFClose(tiff_); }
  TiffFile(const TiffFile&) = delete;
  TiffFile& operator=(const TiffFile&) = delete;

  template <typename T>
  T field(std::uint32_t tag, T otherwise) const {
    T value = otherwise;
    return TIFFGetFieldDefaulted(tiff_, tag, &value) ? value : otherwise;
  }
  TIFF* get() const { return tiff_; }
  [[noreturn]] void fail() const { throw_undecodable("TIFF", "libtiff", problem_); }

 private:
  static constexpr tmsize_t most_bytes = tmsize_t{1} << 30;

  static TiffFile& self(thandle_t handle) { return *static_cast<TiffFile*>(handle); }
  static tmsize_t read(thandle_t handle, void* to, tmsize_t count) {
    TiffFile& file = self(handle);
    const std::size_t begin = std::min(file.at_, file.file_.size());
    const std::size_t found = std::min(static_cast<std::size_t>(count), file.file_.size() - begin);
    if (found > 0) std::memcpy(to, file.file_.data() + begin, found);
    file.at_ = begin + found;
    return static_cast<tmsize_t>(found);
  }
  static tmsize_t write(thandle_t, void*, tmsize_t) { return 0; }
  static toff_t seek(thandle_t handle, toff_t to, int from) {
    TiffFile& file = self(handle);
    const std::size_t start = from == SEEK_CUR   ? file.at_
                              : from == SEEK_END ? file.file_.size()
                                                 : 0;
    return file.at_ = start + to;
  }
  static int close(thandle_t) { return 0; }
  static toff_t size(thandle_t handle) { return self(handle).file_.size(); }
  static int map(thandle_t, void**, toff_t*) { return 0; }
  static void unmap(thandle_t, void*, toff_t) {}

  /// Keeps the last message, since earlier ones may be about unneeded fields.
  static int keep_error(TIFF*, void* user, const char*, const char* text, va_list arguments) {
    auto& problem = static_cast<TiffFile*>(user)->problem_;
    std::vsnprintf(problem, sizeof problem, text, arguments);
    return 1;
  }

  FileBytes file_;
  std::size_t at_ = 0;
  TIFF* tiff_ = nullptr;
  char problem_[200] = {};
};

/// Throws Error for samples that libtiff does not convert to colors.
void check_kind(const TiffFile& file) {
  const auto bits = file.field<std::uint16_t>(TIFFTAG_BITSPERSAMPLE, 1);
  const auto kind = file.field<std::uint16_t>(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
  if ((bits != 1 && bits != 2 && bits != 4 && bits != 8 && bits != 16) ||
      (kind != SAMPLEFORMAT_UINT && kind != SAMPLEFORMAT_VOID))
    throw Error(fmt::format("has {} samples of {} bits, expected unsigned ones of 1 to 16 bits",
                            kind == SAMPLEFORMAT_IEEEFP ? "float"
                            : kind == SAMPLEFORMAT_INT  ? "signed"
                            : kind == SAMPLEFORMAT_UINT ? "unsigned"
                                                        : "other",
                            bits));
}

bool has_premultiplied_alpha(const TiffFile& file) {
  std::uint16_t count = 0, *kinds = nullptr;
  TIFFGetFieldDefaulted(file.get(), TIFFTAG_EXTRASAMPLES, &count, &kinds);
  return count > 0 && kinds && kinds[0] == EXTRASAMPLE_ASSOCALPHA;
}

/// Otherwise libtiff would premultiply the colors by a separate alpha, and rotate the image.
void leave_as_stored(const TiffFile& file) {
  std::uint16_t count = 0, *kinds = nullptr;
  TIFFGetFieldDefaulted(file.get(), TIFFTAG_EXTRASAMPLES, &count, &kinds);
  std::vector<std::uint16_t> plain(count, EXTRASAMPLE_UNSPECIFIED);
  if (count > 0) TIFFSetField(file.get(), TIFFTAG_EXTRASAMPLES, count, plain.data());
  TIFFSetField(file.get(), TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
}

ImageHeader read_tiff_header(FileBytes bytes, std::int64_t) {
  const TiffFile file(bytes);
  check_kind(file);
  const auto width = file.field<std::uint32_t>(TIFFTAG_IMAGEWIDTH, 0);
  const auto height = file.field<std::uint32_t>(TIFFTAG_IMAGELENGTH, 0);
  const int orientation = file.field<std::uint16_t>(TIFFTAG_ORIENTATION, 1);
  const std::int64_t pixels = std::max<std::int64_t>(1, std::int64_t{width} * height);
  const std::int64_t piece = static_cast<std::int64_t>(
      TIFFIsTiled(file.get()) ? TIFFTileSize64(file.get()) : TIFFStripSize64(file.get()));
  constexpr std::int64_t raster = 4, most = 64, small = 1 << 20;
  if (piece > most * std::max(pixels, small))
    throw Error(fmt::format("is damaged: {}x{} pixels in strips or tiles of {} bytes", height,
                            width, piece));
  return {height, width, raster + std::max<std::int64_t>(1, piece / pixels),
          orientation >= 1 && orientation <= 8 ? orientation : 1};
}

/// Divides premultiplied colors by their alpha.
void divide_by_alpha(Decoded& image) {
  for (std::size_t i = 0; i < image.pixels.size(); i += 4) {
    const int alpha = image.pixels[i + 3];
    if (alpha == 0 || alpha == 255) continue;
    for (std::size_t c = 0; c < 3; ++c)
      image.pixels[i + c] =
          static_cast<std::uint8_t>(std::min(255, 255 * image.pixels[i + c] / alpha));
  }
}

Decoded decode_tiff(FileBytes bytes, const ImageHeader& header, std::int64_t) {
  const TiffFile file(bytes);
  const bool premultiplied = has_premultiplied_alpha(file);
  leave_as_stored(file);
  char problem[1024] = {};
  if (!TIFFRGBAImageOK(file.get(), problem)) throw_undecodable("TIFF", "libtiff", problem);
  Decoded image = make_image(header, 4);
  std::vector<std::uint8_t>& pixels = image.pixels;
  if (!TIFFReadRGBAImageOriented(file.get(), static_cast<std::uint32_t>(header.width),
                                 static_cast<std::uint32_t>(header.height),
                                 reinterpret_cast<std::uint32_t*>(pixels.data()),
                                 ORIENTATION_TOPLEFT, /*stop=*/1))
    file.fail();
  for (std::size_t i = 0; i < pixels.size(); i += 4) {
    std::uint32_t packed = 0;
    std::memcpy(&packed, pixels.data() + i, 4);
    for (std::size_t c = 0; c < 4; ++c) pixels[i + c] = static_cast<std::uint8_t>(packed >> 8 * c);
  }
  if (premultiplied) divide_by_alpha(image);
  return image;
}

}  // namespace

const ImageFormat tiff_format{"TIFF", is_tiff, read_tiff_header, decode_tiff};

}  // namespace tessera::data

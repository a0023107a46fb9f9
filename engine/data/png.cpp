// PNG files, by libpng.
#include <png.h>
#include <zlib.h>

#include <csetjmp>
#include <cstring>
#include <string_view>
#include <utility>

#include "engine/data/exif.h"
#include "engine/data/image_format.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

constexpr std::size_t signature_size = 8;

bool is_png(FileBytes file) { return starts_with(file, "\x89PNG\r\n\x1a\n"); }

/// Checks the frames and checksums of all chunks, and returns the content of the first chunk of a
/// type, or nothing.
FileBytes find_chunk(FileBytes file, std::string_view type) {
  constexpr std::size_t frame = 12;  // length, type and checksum of a chunk
  FileBytes found;
  for (std::size_t at = signature_size; file.size() - at >= frame;) {
    const std::uint32_t length = big_endian(file, at, 4);
    if (length > file.size() - at - frame) throw Error(cut_short);
    const FileBytes chunk = file.subspan(at + 4, length + 4);
    if (crc32(0, chunk.data(), length + 4) != big_endian(file, at + 8 + length, 4))
      throw Error("is damaged: wrong checksum");
    if (found.empty() && starts_with(chunk, type)) found = chunk.subspan(4);
    if (starts_with(chunk, "IEND")) return found;
    at += frame + length;
  }
  throw Error(cut_short);
}

ImageHeader read_png_header(FileBytes file, std::int64_t channels) {
  const int orientation = exif_orientation(find_chunk(file, "eXIf"));
  constexpr std::size_t size = 8, color_type = 17;  // of the whole file
  if (file.size() < signature_size + 25 || !starts_with(file.subspan(12), "IHDR"))
    throw Error("is damaged: no PNG header");
  const bool is_color = file[signature_size + color_type] & PNG_COLOR_MASK_COLOR;
  const std::int64_t decoded = (is_color || channels > 2 ? 3 : 1) + (channels % 2 == 0);
  return {big_endian(file, signature_size + size + 4, 4),
          big_endian(file, signature_size + size, 4), decoded, orientation};
}

/// libpng exits by longjmp, so its state lives outside of the function that calls it.
class PngReader {
 public:
  PngReader(FileBytes file, const ImageHeader& header, std::int64_t channels)
      : rest_(file), header_(header), channels_(channels) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, &fail, [](png_structp, auto) {});
    info_ = png_ ? png_create_info_struct(png_) : nullptr;
    if (!info_) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw OutOfMemory("not enough memory to decode it");
    }
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  Decoded read() {
    if (!begin()) throw_undecodable("PNG", "libpng", problem_);
    image_ = make_image(header_, png_get_channels(png_, info_));
    if (png_get_rowbytes(png_, info_) != image_.pixels.size() / png_get_image_height(png_, info_))
      throw Error("is damaged: wrong row size");
    if (!read_rows()) throw_undecodable("PNG", "libpng", problem_);
    return std::move(image_);
  }

 private:
  static void fail(png_structp png, const char* message) {
    auto* self = static_cast<PngReader*>(png_get_error_ptr(png));
    std::strncpy(self->problem_, message, sizeof self->problem_ - 1);
    std::longjmp(png_jmpbuf(png), 1);
  }

  static void take(png_structp png, png_bytep to, std::size_t count) {
    auto* self = static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > self->rest_.size()) png_error(png, "the file ends");
    std::memcpy(to, self->rest_.data(), count);
    self->rest_ = self->rest_.subspan(count);
  }

  /// Reads the header and chooses the conversions. Returns false if libpng failed.
  bool begin() {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_set_read_fn(png_, this, take);
    // The checksums are already checked; only pixels, palette and transparency are needed.
    png_set_crc_action(png_, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_set_user_limits(png_, 0x7fffffff, 0x7fffffff);  // the number of pixels was checked
    png_read_info(png_, info_);
    const bool is_color = png_get_color_type(png_, info_) & PNG_COLOR_MASK_COLOR;
    const bool wants_alpha = channels_ % 2 == 0;
    png_set_strip_16(png_);
    png_set_packing(png_);
    png_set_palette_to_rgb(png_);
    if (!is_color) png_set_expand_gray_1_2_4_to_8(png_);
    if (!is_color && channels_ > 2) png_set_gray_to_rgb(png_);
    if (wants_alpha) {
      png_set_tRNS_to_alpha(png_);
      png_set_add_alpha(png_, 0xff, PNG_FILLER_AFTER);
    } else {
      png_set_strip_alpha(png_);
    }
    passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  bool read_rows() {
    if (setjmp(png_jmpbuf(png_))) return false;
    const std::size_t row_bytes = png_get_rowbytes(png_, info_);
    for (int pass = 0; pass < passes_; ++pass)
      for (std::size_t at = 0; at < image_.pixels.size(); at += row_bytes)
        png_read_row(png_, image_.pixels.data() + at, nullptr);
    return true;
  }

  FileBytes rest_;
  const ImageHeader& header_;
  std::int64_t channels_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  Decoded image_{};
  int passes_ = 1;
  char problem_[200] = {};
};

Decoded decode_png(FileBytes file, const ImageHeader& header, std::int64_t channels) {
  return PngReader(file, header, channels).read();
}

}  // namespace

const ImageFormat png_format{"PNG", is_png, read_png_header, decode_png};

}  // namespace tessera::data

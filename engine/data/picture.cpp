#include "engine/data/picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <new>
#include <vector>

#include "engine/data/exif.h"
#include "engine/data/image_format.h"
#include "engine/data/resize.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::int64_t most_pixels = std::int64_t{1} << 28;  // of the requested size
constexpr std::int64_t most_file_bytes = std::int64_t{1} << 30;
constexpr std::int64_t bytes_per_pixel = 6, least_limit = 1 << 26;  // see read_picture

constexpr const ImageFormat* formats[] = {&png_format,  &jpeg_format, &pnm_format, &webp_format,
                                          &tiff_format, &gif_format,  &bmp_format};

/// A reservation of the memory that all decoders of the process share.
class Memory {
 public:
  /// Waits until other decoders have released enough.
  Memory(std::int64_t bytes, std::int64_t limit) : bytes_(bytes) {
    std::unique_lock lock(mutex);
    returned.wait(lock, [&] { return used == 0 || used + bytes <= limit; });
    used += bytes;
  }
  ~Memory() {
    {
      const std::lock_guard lock(mutex);
      used -= bytes_;
    }
    returned.notify_all();
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  /// Reserves more if available. Does not wait, since waiting with a reservation could deadlock.
  bool grow(std::int64_t bytes, std::int64_t limit) {
    const std::lock_guard lock(mutex);
    if (used - bytes_ + bytes > limit && used > bytes_) return false;
    used += bytes - bytes_;
    bytes_ = bytes;
    return true;
  }

 private:
  static inline std::mutex mutex;
  static inline std::condition_variable returned;
  static inline std::int64_t used = 0;

  std::int64_t bytes_;
};

std::int64_t file_bytes(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) throw Error("there is no such file");
  if (!fs::is_regular_file(status)) throw Error("is not a regular file");
  const auto size = static_cast<std::int64_t>(fs::file_size(path, error));
  if (error) throw Error("cannot be read: " + error.message());
  if (size > most_file_bytes)
    throw Error(fmt::format("has {} bytes, expected at most {}", size, most_file_bytes));
  return size;
}

Bytes read_bytes(const std::string& path, std::int64_t size) {
  Bytes bytes(static_cast<std::size_t>(size));
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(fmt::format("cannot be opened: {}", std::strerror(errno)));
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (!file) throw Error("cannot be read");
  return bytes;
}

const ImageFormat& format_of(FileBytes file) {
  for (const ImageFormat* format : formats)
    if (format->matches(file)) return *format;
  throw Error(fmt::format("is not a {} image", picture_formats));
}

void check_pixels(const ImageHeader& header, std::int64_t limit) {
  if (header.height < 1 || header.width < 1)
    throw Error(fmt::format("is {}x{}, expected at least 1x1", header.height, header.width));
  if (header.height > limit / header.width)
    throw Error(fmt::format("is {}x{}, expected at most {} pixels (--max-image-pixels)",
                            header.height, header.width, limit));
}

/// Returns the bytes for the file and for decoding it.
std::int64_t memory_for(std::int64_t file_size, const ImageHeader& header, const PictureSize& size,
                        std::int64_t limit) {
  const std::int64_t turned = header.orientation == 1 ? 0 : size.channels;
  // Resizing needs weights of rows and columns, and one row of floats.
  const std::int64_t resized =
      8 * (header.height + header.width) + 4 * size.channels * header.width;
  const std::int64_t bytes =
      file_size + resized + header.height * header.width * (header.bytes_per_pixel + turned);
  if (bytes > limit)
    throw Error(
        fmt::format("is {}x{} and needs {} MiB ({} bytes) to decode, expected at most {} MiB (6 "
                    "bytes per pixel of --max-image-pixels)",
                    header.height, header.width, bytes >> 20, bytes, limit >> 20));
  return bytes;
}

Decoded decode(FileBytes file, const ImageFormat& format, const ImageHeader& header,
               const PictureSize& size) {
  Decoded image = format.decode(file, header, size.channels);
  convert_channels(image, size.channels);
  return header.orientation == 1 ? std::move(image) : upright(image, header.orientation);
}

void read(const std::string& path, const PictureSize& size, std::span<std::uint8_t> pixels) {
  const std::int64_t limit = std::max(least_limit, bytes_per_pixel * size.max_pixels);
  const std::int64_t file_size = file_bytes(path);
  for (std::int64_t needed = file_size;;) {
    Memory memory(needed, limit);
    const Bytes file = read_bytes(path, file_size);
    const ImageFormat& format = format_of(file);
    const ImageHeader header = format.read_header(file, size.channels);
    check_pixels(header, size.max_pixels);
    needed = memory_for(file_size, header, size, limit);
    if (!memory.grow(needed, limit)) continue;
    const Decoded image = decode(file, format, header, size);
    if (image.height == size.height && image.width == size.width)
      std::copy(image.pixels.begin(), image.pixels.end(), pixels.begin());
    else
      resize(image, size.height, size.width, size.crop, pixels);
    return;
  }
}

}  // namespace

std::span<const std::string_view> picture_extensions() {
  static constexpr std::string_view extensions[] = {
      ".png",  ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif",
      ".tiff", ".bmp",  ".dib", ".gif",  ".pbm", ".pgm",  ".ppm",  ".pnm"};
  return extensions;
}

void check(const PictureSize& size) {
  if (size.height < 1 || size.width < 1 || size.height > most_pixels / size.width)
    throw Error("images",
                fmt::format("size is {}x{}, expected at least 1x1", size.height, size.width));
  if (size.channels < 1 || size.channels > 4)
    throw Error("images", fmt::format("channels are {}, expected 1 to 4", size.channels));
  constexpr std::int64_t most = std::int64_t{1} << 40;
  if (size.max_pixels < 1 || size.max_pixels > most)
    throw Error("images", fmt::format("the limit of pixels to decode is {}, expected 1 to {}",
                                      size.max_pixels, most));
}

void read_picture(const std::string& path, const PictureSize& size,
                  std::span<std::uint8_t> pixels) {
  try {
    read(path, size, pixels);
  } catch (const OutOfMemory& error) {
    throw OutOfMemory(path, error.what());
  } catch (const Error& error) {
    throw InvalidFile(path, error.what());
  } catch (const std::bad_alloc&) {
    throw OutOfMemory(path, "not enough memory to decode it");
  }
}

}  // namespace tessera::data

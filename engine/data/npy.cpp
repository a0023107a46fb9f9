#include "engine/data/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/data/npy_elements.h"
#include "engine/data/npy_labels.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

constexpr double whole_byte = 255;
constexpr double surely_bytes = 128;  ///< non-integer floats above this are on the scale of bytes

/// The axes of rows, columns and channels; -1: none.
struct Axes {
  std::size_t height, width;
  int channels;
};
constexpr Axes channels_last{1, 2, 3}, channels_first{2, 3, 1};

[[noreturn]] void refuse_shape(const std::string& path, const Shape& shape,
                               const std::string& message) {
  throw InvalidFile(path, fmt::format("is {}, {}", to_string(shape), message));
}

/// Distinguishes [N,H,W,C] from [N,C,H,W] by the extents: a channel axis has 1 to 4, or fewer than
/// the others.
Axes recognize(const std::string& path, const Shape& shape, const ReadOptions& options) {
  const std::int64_t a = shape[1], b = shape[2], c = shape[3];
  const auto fits = [&](const Axes& axes) {
    const auto is = [&](std::int64_t wanted, std::size_t axis) {
      return wanted < 1 || shape[axis] == wanted;
    };
    return options.channels > 0 && is(options.channels, static_cast<std::size_t>(axes.channels)) &&
           is(options.height, axes.height) && is(options.width, axes.width);
  };
  if (fits(channels_last) != fits(channels_first))
    return fits(channels_last) ? channels_last : channels_first;
  const bool is_first = a <= 4, is_last = c <= 4;
  if (is_first && is_last) {
    const bool is_doubtful = (a == 1 || a == 3) && a != c && (b == c || (a == 3 && c != 1));
    if (is_doubtful)
      refuse_shape(
          path, shape,
          fmt::format("which may be [N,H,W,C] or [N,C,H,W]; set --channels to {} or {}", c, a));
    return channels_last;
  }
  if (is_last || (!is_first && c < a && c < b)) return channels_last;
  if (is_first || (a < b && a < c)) return channels_first;
  refuse_shape(path, shape,
               fmt::format("expected [N,H,W,C] or [N,C,H,W]: no axis looks like channels; set "
                           "their number with --channels"));
}

Axes find_axes(const std::string& path, const Shape& shape, const ReadOptions& options) {
  if (shape.size() == 4) return recognize(path, shape, options);
  if (shape.size() == 2 && shape[1] > 1)
    refuse_shape(path, shape, "expected [N,H,W,C] or [N,H,W]; reshape the rows to images");
  if (shape.size() != 3) refuse_shape(path, shape, "expected [N,H,W,C] or [N,H,W]");
  if (shape[1] == 3 && shape[2] > 4)
    refuse_shape(path, shape,
                 "expected [N,H,W,C] or [N,H,W]; three rows look like channels: "
                 "reshape them to images");
  return {1, 2, -1};
}

/// Returns the stride in [N,H,W,C] of each axis of the file.
std::vector<std::int64_t> strides(const Shape& shape, const Axes& axes) {
  const std::int64_t channels =
      axes.channels < 0 ? 1 : shape[static_cast<std::size_t>(axes.channels)];
  std::vector<std::int64_t> result(shape.size(), 1);  // 1 for the channels
  result[axes.width] = channels;
  result[axes.height] = channels * shape[axes.width];
  result[0] = channels * shape[axes.width] * shape[axes.height];
  return result;
}

struct Range {
  double least = std::numeric_limits<double>::infinity(), most = -least;
  bool is_whole = true;
};

/// Writes each element, times `scale`, to its position, clamped to bytes; returns the range of the
/// elements.
Range convert(InputFile& file, const NpyHeader& header, Places places, double scale,
              std::vector<std::uint8_t>& pixels) {
  Range range;
  std::uint64_t done = 0;
  const bool is_single = header.kind == 'f' && header.size == sizeof(float);
  for_each_number(file, header, [&](std::span<const double> part) {
    for (double x : part) {
      if (!std::isfinite(x))
        throw InvalidFile(file.path(), fmt::format("element {} is {}, expected a number", done, x));
      ++done;
      range.least = std::min(range.least, x);
      range.most = std::max(range.most, x);
      range.is_whole = range.is_whole && x == std::floor(x);
      const double clamped = std::clamp(x, 0.0, whole_byte / scale);
      // Floats are scaled as floats, which decides how halves round.
      const double byte =
          is_single ? static_cast<double>(static_cast<float>(scale) * static_cast<float>(clamped))
                    : scale * clamped;
      pixels[static_cast<std::size_t>(places.next())] =
          static_cast<std::uint8_t>(std::lround(byte));
    }
  });
  return range;
}

/// Floats are from 0 to 1 or from 0 to 255; integers are bytes; true is 255.
std::vector<std::uint8_t> read_pixels(InputFile& file, const NpyHeader& header,
                                      const Places& places, std::uint64_t start) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(element_count(header.shape)));
  const bool is_float = header.kind == 'f';
  const Range range =
      convert(file, header, places, is_float || header.kind == 'b' ? whole_byte : 1, pixels);
  const bool is_positive = range.least >= 0;
  if (is_float && is_positive && range.most <= 1) return pixels;
  if (is_float && is_positive && range.most <= whole_byte &&
      (range.is_whole || range.most >= surely_bytes)) {
    file.seek(start);
    convert(file, header, places, 1, pixels);
  } else if (is_float || !is_positive || range.most > whole_byte) {
    if (header.kind != 'b')
      throw InvalidFile(file.path(),
                        fmt::format("has values from {:.6g} to {:.6g}, expected {}0 to 255{}",
                                    range.least, range.most, is_float ? "0 to 1 or " : "",
                                    is_positive ? "; scale them" : ", before any normalization"));
  }
  return pixels;
}

Images read_images(const std::string& path, std::int64_t count, const ReadOptions& options) {
  InputFile file(path);
  const NpyHeader header = read_npy_header(file, 1, options.memory);
  const std::uint64_t start = file.position();
  const Shape& shape = header.shape;
  if (header.kind == 'S' || header.kind == 'U')
    throw InvalidFile(path, fmt::format("has text (type '{}'), expected numbers", header.type));
  if (shape.size() >= 3 && shape[0] != count && shape.back() == count)
    refuse_shape(path, shape,
                 "expected images along the first axis; numpy.moveaxis(x, -1, 0) "
                 "moves them there");
  const Axes axes = find_axes(path, shape, options);
  const auto pixels = static_cast<std::uint64_t>(element_count(shape));
  Images images;
  images.height = shape[axes.height];
  images.width = shape[axes.width];
  images.channels = axes.channels < 0 ? 1 : shape[static_cast<std::size_t>(axes.channels)];
  images.labels.resize(static_cast<std::size_t>(shape[0]));
  if (header.kind == 'u' && header.size == 1 && !header.is_fortran && axes.channels != 1) {
    images.pixels.resize(pixels);
    file.read(images.pixels, "elements");
    file.check_end(to_string(shape));
  } else {
    images.pixels = read_pixels(file, header, Places(header, strides(shape, axes)), start);
  }
  if (images.channels > 4)
    images.notes.push_back(fmt::format("{} is {}, read as images of {}x{} with {} channels", path,
                                       to_string(shape), images.height, images.width,
                                       images.channels));
  return images;
}

}  // namespace

Images read_npy(const std::string& images_path, const std::string& labels_path,
                const ReadOptions& options) {
  Images labels = read_npy_labels(labels_path, options.memory);
  Images images = read_images(images_path, std::ssize(labels.labels), options);
  if (images.labels.size() != labels.labels.size())
    throw Error(images_path, fmt::format("has {} images, but {} has {} labels",
                                         images.labels.size(), labels_path, labels.labels.size()));
  images.labels = std::move(labels.labels);
  images.names = std::move(labels.names);
  return images;
}

}  // namespace tessera::data

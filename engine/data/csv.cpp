#include "engine/data/csv.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "engine/data/input_file.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

std::string read_text(const std::string& path) {
  InputFile file(path);
  std::string text;
  std::vector<std::uint8_t> part(1 << 20);
  while (const std::size_t count = file.read_some(part))
    text.append(reinterpret_cast<const char*>(part.data()), count);
  return text;
}

/// Takes the text up to `end`, or all that is left.
std::string_view take(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return part;
}

/// A whole number from 0, or -1.
std::int64_t number(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  std::int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : -1;
}

class Rows {
 public:
  explicit Rows(const std::string& path) : path_(path) {
    const std::string text = read_text(path);
    std::string_view rest = text;
    while (!rest.empty()) {
      std::string_view line = take(rest, '\n');
      ++line_;
      if (line.ends_with('\r')) line.remove_suffix(1);
      std::string_view first = line;
      if (line.empty() || (line_ == 1 && number(take(first, ',')) < 0)) continue;
      add(line);
    }
    if (images_.labels.empty()) throw Error(path_, "has no rows");
  }

  Images take_images() { return std::move(images_); }
  std::size_t pixels() const { return pixels_; }

 private:
  [[noreturn]] void refuse(const std::string& message) const {
    throw Error(path_, fmt::format("line {} {}", line_, message));
  }

  void add(std::string_view line) {
    const std::string_view label_text = take(line, ',');
    const std::int64_t label = number(label_text);
    if (label < 0 || label > std::numeric_limits<std::int32_t>::max())
      refuse(fmt::format("has the label '{}', expected a whole number from 0",
                         label_text.substr(0, 40)));
    const std::size_t begin = images_.pixels.size();
    while (!line.empty()) {
      const std::string_view text = take(line, ',');
      const std::int64_t pixel = number(text);
      if (pixel < 0 || pixel > 255)
        refuse(fmt::format("has the pixel '{}', expected a whole number from 0 to 255",
                           text.substr(0, 40)));
      images_.pixels.push_back(static_cast<std::uint8_t>(pixel));
    }
    const std::size_t pixels = images_.pixels.size() - begin;
    if (images_.labels.empty()) pixels_ = pixels;
    if (pixels != pixels_ || pixels == 0)
      refuse(fmt::format("has {} pixels, expected {}", pixels,
                         pixels_ == 0 ? "at least 1" : fmt::format("{}", pixels_)));
    images_.labels.push_back(static_cast<std::int32_t>(label));
  }

  const std::string& path_;
  std::int64_t line_ = 0;
  std::size_t pixels_ = 0;  ///< of an image, times channels
  Images images_;
};

/// Rows of a square of so many pixels, or 0.
std::int64_t side_of(std::int64_t pixels) {
  const auto side = static_cast<std::int64_t>(std::llround(std::sqrt(pixels)));
  return side * side == pixels ? side : 0;
}

}  // namespace

Images read_csv(const std::string& path, std::int64_t height, std::int64_t width,
                std::int64_t channels) {
  Rows rows(path);
  const auto pixels = static_cast<std::int64_t>(rows.pixels());
  Images images = rows.take_images();
  if (height < 1) {
    if (channels < 1) channels = side_of(pixels) > 0 ? 1 : 3;
    height = width = pixels % channels == 0 ? side_of(pixels / channels) : 0;
  }
  if (channels < 1) channels = pixels / (height * width);
  if (height < 1 || height * width * channels != pixels)
    throw Error(path, height < 1 ? fmt::format("has {} pixels in a row, which are no square of {} "
                                               "channels; say how many rows and columns they are",
                                               pixels, channels)
                                 : fmt::format("has {} pixels in a row, expected {}x{}x{}", pixels,
                                               height, width, channels));
  images.height = height;
  images.width = width;
  images.channels = channels;
  return images;
}

}  // namespace tessera::data

// PBM, PGM and PPM files, plain and raw (P1 to P6), with samples of 1 to 16 bits. Values are scaled
// to 255 as Pillow does it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/base/ascii.h"
#include "engine/data/image_format.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

bool is_pnm(FileBytes file) {
  return file.size() > 2 && file[0] == 'P' && file[1] >= '1' && file[1] <= '6' &&
         (is_ascii_space(file[2]) || file[2] == '#');
}

/// Reads numbers from text, separated by white space and comments.
class Text {
 public:
  explicit Text(FileBytes file) : file_(file) {}

  /// Reads an integer and one white space after it.
  std::int64_t number() {
    int c = next();
    while (is_ascii_space(c)) c = next();
    std::int64_t value = 0;
    for (; !is_ascii_space(c); c = next_or_end()) {
      if (!is_ascii_digit(c) || value > most)
        throw Error("is damaged: expected a whole number in the header or among plain samples");
      value = 10 * value + (c - '0');
    }
    return value;
  }
  /// Reads a digit of a plain PBM, which needs no separator.
  bool bit() {
    int c = next();
    while (is_ascii_space(c)) c = next();
    if (c != '0' && c != '1') throw Error("is damaged: expected 0 or 1 for each pixel");
    return c == '1';
  }
  FileBytes rest() const { return file_.subspan(std::min(at_, file_.size())); }

 private:
  static constexpr std::int64_t most = 1 << 30;

  int next() {
    const int c = next_or_end();
    return at_ > file_.size() ? throw Error(cut_short) : c;
  }
  /// Skips comments; treats the end of the file as white space.
  int next_or_end() {
    while (at_ < file_.size() && file_[at_] == '#')
      while (at_ < file_.size() && file_[at_] != '\n' && file_[at_] != '\r') ++at_;
    return at_ < file_.size() ? file_[at_++] : (at_ = file_.size() + 1, ' ');
  }

  FileBytes file_;
  std::size_t at_ = 2;
};

struct PnmHeader {
  bool plain, is_bitmap;
  std::int64_t channels, width, height, largest = 1;
  FileBytes samples;

  explicit PnmHeader(FileBytes file)
      : plain(file[1] < '4'),
        is_bitmap(file[1] == '1' || file[1] == '4'),
        channels(file[1] == '3' || file[1] == '6' ? 3 : 1) {
    Text text(file);
    width = text.number();
    height = text.number();
    if (!is_bitmap) largest = text.number();
    if (largest < 1 || largest > 65535)
      throw Error(fmt::format("has a largest value of {}, expected 1 to 65535", largest));
    samples = text.rest();
  }

  /// Returns the least number of bytes of the samples.
  std::int64_t sample_bytes() const {
    const std::int64_t count = height * width * channels;
    if (plain) return is_bitmap ? count : 2 * count - 1;
    return is_bitmap ? height * ((width + 7) / 8) : count * (largest > 255 ? 2 : 1);
  }
};

/// Returns the samples from 0 to the largest one, scaled to 255.
std::vector<std::uint8_t> scale(std::int64_t largest) {
  std::vector<std::uint8_t> scaled;
  for (std::int64_t value = 0; value <= largest; ++value)
    scaled.push_back(static_cast<std::uint8_t>(
        std::nearbyint(static_cast<double>(value) / static_cast<double>(largest) * 255)));
  return scaled;
}

void read_bitmap(const PnmHeader& header, FileBytes file, Decoded& image) {
  Text text(file);
  if (header.plain) text.number(), text.number();
  const auto row_bytes = static_cast<std::size_t>((header.width + 7) / 8);
  const auto width = static_cast<std::size_t>(header.width);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const std::size_t column = i % width;
    const bool black =
        header.plain ? text.bit()
                     : header.samples[i / width * row_bytes + column / 8] >> (7 - column % 8) & 1;
    image.pixels[i] = black ? 0 : 255;
  }
}

void read_samples(const PnmHeader& header, FileBytes file, Decoded& image) {
  const std::vector<std::uint8_t> scaled = scale(header.largest);
  Text text(file);
  if (header.plain) text.number(), text.number(), text.number();
  const std::size_t bytes = header.largest > 255 ? 2 : 1;
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    std::int64_t value =
        header.plain ? text.number() : big_endian(header.samples, i * bytes, bytes);
    if (header.plain && value > header.largest)
      throw Error(fmt::format("has a sample of {}, expected at most {}", value, header.largest));
    value = std::min(value, header.largest);
    image.pixels[i] = scaled[static_cast<std::size_t>(value)];
  }
}

ImageHeader read_pnm_header(FileBytes file, std::int64_t channels) {
  const PnmHeader header(file);
  const bool grows = channels > header.channels;
  return {header.height, header.width, header.channels + (grows ? channels : 0), 1};
}

Decoded decode_pnm(FileBytes file, const ImageHeader& size, std::int64_t) {
  const PnmHeader header(file);
  if (std::ssize(header.samples) < header.sample_bytes()) throw Error(cut_short);
  Decoded image = make_image(size, header.channels);
  header.is_bitmap ? read_bitmap(header, file, image) : read_samples(header, file, image);
  return image;
}

}  // namespace

const ImageFormat pnm_format{"PNM", is_pnm, read_pnm_header, decode_pnm};

}  // namespace tessera::data

#include "engine/data/cifar.h"

#include <fmt/format.h>

#include "engine/data/input_file.h"
#include "tessera/error.h"

namespace tessera::data {
namespace {

constexpr std::size_t side = 32;
constexpr std::size_t planes = 3;
constexpr std::size_t plane_bytes = side * side;
constexpr std::size_t image_bytes = planes * plane_bytes;

void append_channels_last(std::span<const std::uint8_t> planar, std::vector<std::uint8_t>& pixels) {
  const std::size_t begin = pixels.size();
  pixels.resize(begin + image_bytes);
  std::uint8_t* const to = pixels.data() + begin;
  for (std::size_t i = 0; i < plane_bytes; ++i)
    for (std::size_t c = 0; c < planes; ++c) to[planes * i + c] = planar[c * plane_bytes + i];
}

/// An upper bound of the bytes of the images, from the unpacked files.
std::uint64_t count_bytes(const std::vector<std::string>& paths, std::int64_t memory) {
  std::uint64_t bytes = 0;
  for (const std::string& path : paths) {
    InputFile file(path);
    bytes += file.count_rest(static_cast<std::uint64_t>(memory));
    file.check_memory(bytes, memory);
  }
  return bytes;
}

void append_file(const std::string& path, std::size_t label_bytes, std::size_t classes,
                 Images& images) {
  InputFile file(path);
  std::vector<std::uint8_t> record(label_bytes + image_bytes);
  for (std::int64_t number = 0;; ++number) {
    const std::size_t count = file.read_some(record);
    if (count == 0 && number > 0) return;
    if (count < record.size())
      throw InvalidFile(path, fmt::format("truncated: record {} has {} bytes, expected {}", number,
                                          count, record.size()));
    const std::uint8_t label = record[label_bytes - 1];
    if (label >= classes)
      throw InvalidFile(
          path, fmt::format("label {} of record {} is out of range, expected below {}", label,
                            number, classes));
    images.labels.push_back(label);
    append_channels_last(std::span(record).subspan(label_bytes), images.pixels);
  }
}

}  // namespace

Images read_cifar(const std::vector<std::string>& paths, std::size_t label_bytes,
                  std::size_t classes, std::int64_t memory) {
  Images images{side, side, planes, {}, {}};
  images.pixels.reserve(count_bytes(paths, memory));
  for (const std::string& path : paths) append_file(path, label_bytes, classes, images);
  return images;
}

}  // namespace tessera::data

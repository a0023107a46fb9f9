#include "engine/data/idx.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "engine/data/input_file.h"
#include "tessera/error.h"
#include "tessera/spec.h"

namespace tessera::data {
namespace {

constexpr std::uint8_t type_u8 = 8;

struct IdxArray {
  Shape shape;
  std::vector<std::uint8_t> bytes;
};

std::int64_t big_endian(std::span<const std::uint8_t> bytes) {
  std::int64_t value = 0;
  for (std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

void check_magic(const std::string& path, std::span<const std::uint8_t, 4> magic,
                 std::size_t rank) {
  if (magic[0] != 0 || magic[1] != 0)
    throw InvalidFile(path,
                      fmt::format("not an IDX file: it starts with {:#010x}, expected {:#010x}",
                                  big_endian(magic), type_u8 << 8 | static_cast<int>(rank)));
  if (magic[2] != type_u8)
    throw Error(
        path, fmt::format("element type is {:#04x}, expected {:#04x} (bytes)", magic[2], type_u8));
  if (magic[3] != rank)
    throw InvalidFile(path, fmt::format("has {} dimensions, expected {}", magic[3], rank));
}

Shape read_shape(InputFile& file, std::size_t rank) {
  Shape shape;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    std::array<std::uint8_t, 4> extent{};
    file.read(extent, "header");
    shape.push_back(big_endian(extent));
    if (shape.back() == 0)
      throw InvalidFile(file.path(), fmt::format("dimension {} is 0, expected at least 1", axis));
  }
  return shape;
}

/// Returns the product of the dimensions; nothing if it does not fit in 63 bits.
std::optional<std::uint64_t> count(const Shape& shape) {
  try {
    return static_cast<std::uint64_t>(element_count(shape));
  } catch (const Error&) {
    return {};
  }
}

IdxArray read_array(const std::string& path, std::size_t rank, std::int64_t memory) {
  InputFile file(path);
  std::array<std::uint8_t, 4> magic{};
  file.read(magic, "magic number");
  check_magic(path, magic, rank);
  IdxArray array{read_shape(file, rank), {}};
  const std::string shape = to_string(array.shape);
  const std::optional<std::uint64_t> bytes = count(array.shape);
  file.check_claim({bytes, bytes.value_or(0), shape}, memory);
  array.bytes.resize(*bytes);
  file.read(array.bytes, "elements");
  file.check_end(shape);
  return array;
}

void check_labels(const std::string& path, const std::vector<std::uint8_t>& labels,
                  std::size_t classes) {
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] >= classes)
      throw InvalidFile(path, fmt::format("label {} of image {} is out of range, expected below {}",
                                          labels[i], i, classes));
}

}  // namespace

Images read_idx(const std::string& images_path, const std::string& labels_path, std::size_t classes,
                std::int64_t memory) {
  IdxArray labels = read_array(labels_path, 1, memory);
  IdxArray images = read_array(images_path, 3, memory);
  if (images.shape[0] != labels.shape[0])
    throw Error(images_path, fmt::format("has {} images, but {} has {} labels", images.shape[0],
                                         labels_path, labels.shape[0]));
  check_labels(labels_path, labels.bytes, classes);
  return {images.shape[1],
          images.shape[2],
          1,
          std::move(images.bytes),
          {labels.bytes.begin(), labels.bytes.end()}};
}

}  // namespace tessera::data

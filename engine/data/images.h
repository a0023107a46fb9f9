// Labeled images in memory, from the readers of file formats.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tessera::data {

/// Default limit of memory for the decoded images of a file, in bytes.
constexpr std::int64_t default_memory = std::int64_t{1} << 30;

struct Images {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;
  std::vector<std::uint8_t> pixels;  ///< [labels.size(),height,width,channels]
  std::vector<std::int32_t> labels;
  /// Sorted class names if the labels of the file are words; else empty.
  std::vector<std::string> names = {};
  /// Decisions of the reader that a user should know, one line each.
  std::vector<std::string> notes = {};
};

/// Properties of the images that a file may leave open; 0: unknown.
struct ReadOptions {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;
  std::int64_t memory = default_memory;  ///< see InputFile::check_memory
};

}  // namespace tessera::data

// Labeled images in memory: what the readers of file formats give to the data sets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tessera::data {

/// Most memory for the decoded images of a file when nobody says otherwise, in bytes.
constexpr std::int64_t default_memory = std::int64_t{1} << 30;

struct Images {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;
  std::vector<std::uint8_t> pixels;  ///< [labels.size(),height,width,channels]
  std::vector<std::int32_t> labels;
  /// Class names in sorted order where the file's labels are words; else empty.
  std::vector<std::string> names = {};
  /// What the reader decided that a user should know: a line for each.
  std::vector<std::string> notes = {};
};

/// What a reader is told about the images, where their file leaves it open; 0: nothing.
struct ReadOptions {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;
  std::int64_t memory = default_memory;  ///< see InputFile::check_memory
};

}  // namespace tessera::data

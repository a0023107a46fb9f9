// Labelled images in memory: what the readers of file formats give to the data sets.
#pragma once

#include <cstdint>
#include <vector>

namespace tessera::data {

struct Images {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;
  std::vector<std::uint8_t> pixels;  ///< [labels.size(),height,width,channels]
  std::vector<std::int32_t> labels;
};

}  // namespace tessera::data

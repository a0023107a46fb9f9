// A data set made up by rule, for trainings without files: each class is a bright square at its
// own place, with noise.
#pragma once

#include <algorithm>

#include "engine/base/philox.h"
#include "tessera/data.h"

namespace tessera {

class SyntheticImages : public ImageDataset {
 public:
  explicit SyntheticImages(std::int64_t size, std::int64_t side = 28)
      : size_(size), side_(side), classes_{"a", "b", "c", "d"} {}
  std::int64_t size() const override { return size_; }
  std::int64_t height() const override { return side_; }
  std::int64_t width() const override { return side_; }
  std::int64_t channels() const override { return 1; }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::int32_t read(std::int64_t index, std::span<std::uint8_t> pixels) const override {
    Philox random(7, static_cast<std::uint64_t>(index));
    const auto label = static_cast<std::int32_t>(random.below(4));
    const std::int64_t top = label / 2 * side_ / 2, left = label % 2 * side_ / 2;
    for (std::int64_t h = 0; h < side_; ++h)
      for (std::int64_t w = 0; w < side_; ++w) {
        const bool bright = h >= top && h < top + side_ / 2 && w >= left && w < left + side_ / 2;
        pixels[static_cast<std::size_t>(h * side_ + w)] =
            static_cast<std::uint8_t>(random.below(100) + (bright ? 100 : 0));
      }
    return label;
  }

 private:
  std::int64_t size_;
  std::int64_t side_;
  std::vector<std::string> classes_;
};

}  // namespace tessera

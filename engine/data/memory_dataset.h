// A data set in memory.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/data/images.h"
#include "engine/data/split.h"
#include "tessera/data.h"
#include "tessera/error.h"

namespace tessera::data {

/// Throws Error unless the sample exists and `pixels` has room for it.
inline void check_read(const ImageDataset& dataset, std::int64_t index,
                       std::span<const std::uint8_t> pixels) {
  if (index < 0 || index >= dataset.size())
    throw Error("dataset",
                fmt::format("there is no sample {}, expected below {}", index, dataset.size()));
  if (std::ssize(pixels) != dataset.image_bytes())
    throw Error("dataset", fmt::format("room for {} bytes, but an image has {}", pixels.size(),
                                       dataset.image_bytes()));
}

class MemoryDataset : public ImageDataset {
 public:
  /// `contents`: of all images from which these were chosen; nothing if these are all.
  MemoryDataset(Images images, std::vector<std::string> classes, DataContents contents = {})
      : images_(std::move(images)), classes_(std::move(classes)), contents_(std::move(contents)) {}

  std::int64_t size() const override { return std::ssize(images_.labels); }
  std::int64_t height() const override { return images_.height; }
  std::int64_t width() const override { return images_.width; }
  std::int64_t channels() const override { return images_.channels; }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::vector<std::string> notes() const override { return images_.notes; }

  std::int32_t read(std::int64_t index, std::span<std::uint8_t> pixels) const override {
    check_read(*this, index, pixels);
    std::copy_n(images_.pixels.begin() + index * image_bytes(), image_bytes(), pixels.begin());
    return images_.labels[static_cast<std::size_t>(index)];
  }

  std::vector<std::int32_t> labels() const override { return images_.labels; }
  DataContents contents() const override {
    if (!contents_.hashes.empty()) return contents_;
    return {content_hashes(images_.pixels, static_cast<std::size_t>(image_bytes())),
            images_.labels,
            /*divided=*/false,
            {}};
  }

 private:
  Images images_;
  std::vector<std::string> classes_;
  DataContents contents_;
};

}  // namespace tessera::data

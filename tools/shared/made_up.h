// Models with generated images, for commands that need no data.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tessera/classifier.h"
#include "tools/commands.h"

namespace tessera::tools {

/// A built-in model or an ONNX file, and the size of its images. Empty or 0: as the model was
/// published or as in the ONNX file.
struct MadeUpModel {
  std::string name = "tutorial";
  std::string size = {};
  std::int64_t channels = 0;
  std::int64_t classes = 0;
  void add(CLI::App& command);
  ImageModel make() const;
};

/// A data set of noise.
class Noise final : public ImageDataset {
 public:
  Noise(const ImageInput& input, std::vector<std::string> classes, std::int64_t images)
      : input_(input), classes_(std::move(classes)), images_(images) {
    pixels_.resize(static_cast<std::size_t>(image_bytes()) + shifts);
    std::uint32_t state = 1;
    for (std::uint8_t& pixel : pixels_)
      pixel = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  }
  std::int64_t size() const override { return images_; }
  std::int64_t height() const override { return input_.height; }
  std::int64_t width() const override { return input_.width; }
  std::int64_t channels() const override { return input_.channels; }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::int32_t read(std::int64_t index, std::span<std::uint8_t> pixels) const override {
    std::copy_n(pixels_.begin() + index % shifts, pixels.size(), pixels.begin());
    return static_cast<std::int32_t>(index % std::ssize(classes_));
  }

 private:
  static constexpr std::int64_t shifts = 256;
  ImageInput input_;
  std::vector<std::string> classes_;
  std::int64_t images_;
  std::vector<std::uint8_t> pixels_;
};

}  // namespace tessera::tools

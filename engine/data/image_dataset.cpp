#include <fmt/format.h>

#include <cstring>

#include "tessera/data.h"
#include "tessera/error.h"

namespace tessera {

std::vector<std::int32_t> ImageDataset::labels() const {
  std::vector<std::int32_t> all;
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(image_bytes()));
  for (std::int64_t i = 0; i < size(); ++i) all.push_back(read(i, pixels));
  return all;
}

std::vector<SampleSpec> ImageDataset::inputs() const {
  return {{"image", {DType::u8, {height(), width(), channels()}}}, {"label", {DType::i32, {}}}};
}

void ImageDataset::read_sample(std::int64_t index,
                               std::span<const std::span<std::byte>> tensors) const {
  const std::span<std::byte> pixels = tensors[0];
  const std::int32_t label =
      read(index, {reinterpret_cast<std::uint8_t*>(pixels.data()), pixels.size()});
  std::memcpy(tensors[1].data(), &label, sizeof label);
}

Batch image_batch(const Shape& image, std::span<const std::uint8_t> pixels,
                  std::span<const std::int32_t> labels) {
  const TensorSpec spec{DType::u8, image};
  if (pixels.size() != spec.bytes() * labels.size())
    throw Error("batch", fmt::format("{} bytes and {} labels, expected {} bytes for each label",
                                     pixels.size(), labels.size(), spec.bytes()));
  const auto copy = [](auto values) {
    const auto bytes = std::as_bytes(values);
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  };
  return {std::ssize(labels),
          {{{"image", spec}, copy(pixels)}, {{"label", {DType::i32, {}}}, copy(labels)}}};
}

}  // namespace tessera

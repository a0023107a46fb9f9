#include "engine/data/resize.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace tessera::data {
namespace {

/// The weights of a resized axis: new position i reads `count` old positions from first[i] on, with
/// weights that add up to 1.
struct Taps {
  std::int64_t count = 0;
  std::vector<std::int64_t> first;
  std::vector<float> weights;  ///< [positions, count]

  const float* of(std::int64_t i) const { return weights.data() + i * count; }
};

/// The scale of an axis, and the needed range of new positions.
struct Axis {
  std::int64_t from = 0;
  std::int64_t to = 0;
  std::int64_t first = 0;
  std::int64_t count = 0;
};

Taps taps_of(const Axis& axis) {
  const std::int64_t from = axis.from;
  const double scale = static_cast<double>(from) / static_cast<double>(axis.to);
  const double reach = std::max(scale, 1.0);
  Taps taps;
  taps.count = std::min(from, static_cast<std::int64_t>(std::ceil(2 * reach)) + 1);
  taps.first.reserve(static_cast<std::size_t>(axis.count));
  taps.weights.reserve(static_cast<std::size_t>(axis.count * taps.count));
  for (std::int64_t i = axis.first; i < axis.first + axis.count; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale - 0.5;
    const auto first = std::clamp<std::int64_t>(
        static_cast<std::int64_t>(std::ceil(center - reach)), 0, from - taps.count);
    std::vector<double> weights;
    double sum = 0;
    for (std::int64_t j = first; j < first + taps.count; ++j) {
      weights.push_back(std::max(0.0, 1 - std::abs(static_cast<double>(j) - center) / reach));
      sum += weights.back();
    }
    taps.first.push_back(first);
    for (const double weight : weights) taps.weights.push_back(static_cast<float>(weight / sum));
  }
  return taps;
}

/// Computes one row of the new height, `size` bytes wide, from the old rows.
void blend_rows(const std::uint8_t* from, const float* weights, std::int64_t count,
                std::size_t size, float* row) {
  std::fill_n(row, size, 0.0f);
  for (std::int64_t j = 0; j < count; ++j, from += size)
    for (std::size_t i = 0; i < size; ++i) row[i] += weights[j] * static_cast<float>(from[i]);
}

template <int channels>
void blend_columns(const float* row, const Taps& taps, std::uint8_t* to) {
  for (std::size_t i = 0; i < taps.first.size(); ++i, to += channels) {
    const float* from = row + taps.first[i] * channels;
    const float* weights = taps.of(static_cast<std::int64_t>(i));
    float sums[channels] = {};
    for (std::int64_t j = 0; j < taps.count; ++j, from += channels)
      for (int c = 0; c < channels; ++c) sums[c] += weights[j] * from[c];
    for (int c = 0; c < channels; ++c) to[c] = static_cast<std::uint8_t>(sums[c] + 0.5f);
  }
}

/// Returns the center range of an axis that is longer than needed.
Axis middle(std::int64_t from, std::int64_t to, std::int64_t count) {
  const auto first = static_cast<std::int64_t>(std::nearbyint(static_cast<double>(to - count) / 2));
  return {from, to, first, count};
}

/// Rows and columns.
std::pair<Axis, Axis> axes_of(const Decoded& image, std::int64_t height, std::int64_t width,
                              Crop crop) {
  std::int64_t rows = height, columns = width;
  if (crop == Crop::center && height * image.width >= width * image.height)
    columns = height * image.width / image.height;
  else if (crop == Crop::center)
    rows = width * image.height / image.width;
  return {middle(image.height, rows, height), middle(image.width, columns, width)};
}

}  // namespace

void resize(const Decoded& image, std::int64_t height, std::int64_t width, Crop crop,
            std::span<std::uint8_t> pixels) {
  constexpr decltype(&blend_columns<1>) blends[] = {blend_columns<1>, blend_columns<2>,
                                                    blend_columns<3>, blend_columns<4>};
  const auto blend = blends[image.channels - 1];
  const auto [vertical, horizontal] = axes_of(image, height, width, crop);
  const Taps rows = taps_of(vertical), columns = taps_of(horizontal);
  const auto row_bytes = static_cast<std::size_t>(image.width * image.channels);
  std::vector<float> row(row_bytes);
  for (std::int64_t h = 0; h < height; ++h) {
    const auto first = static_cast<std::size_t>(rows.first[static_cast<std::size_t>(h)]);
    blend_rows(image.pixels.data() + first * row_bytes, rows.of(h), rows.count, row_bytes,
               row.data());
    blend(row.data(), columns, pixels.data() + h * width * image.channels);
  }
}

}  // namespace tessera::data

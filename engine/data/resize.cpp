#include "engine/data/resize.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace tessera::data {
namespace {

/// What each of the new positions along an axis takes from the old ones: `count` neighbours from
/// first[i] on, by weights that add up to 1.
struct Taps {
  std::int64_t count = 0;
  std::vector<std::int64_t> first;
  std::vector<float> weights;  ///< [positions, count]

  const float* of(std::int64_t i) const { return weights.data() + i * count; }
};

Taps taps_of(std::int64_t from, std::int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double reach = std::max(scale, 1.0);
  Taps taps;
  taps.count = std::min(from, static_cast<std::int64_t>(std::ceil(2 * reach)) + 1);
  for (std::int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale - 0.5;
    const auto first = std::clamp<std::int64_t>(
        static_cast<std::int64_t>(std::ceil(centre - reach)), 0, from - taps.count);
    std::vector<double> weights;
    double sum = 0;
    for (std::int64_t j = first; j < first + taps.count; ++j) {
      weights.push_back(std::max(0.0, 1 - std::abs(static_cast<double>(j) - centre) / reach));
      sum += weights.back();
    }
    taps.first.push_back(first);
    for (const double weight : weights) taps.weights.push_back(static_cast<float>(weight / sum));
  }
  return taps;
}

/// A row of the new height: `size` bytes wide, from rows one below the other.
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

}  // namespace

void resize(const Decoded& picture, std::int64_t height, std::int64_t width,
            std::span<std::uint8_t> pixels) {
  constexpr decltype(&blend_columns<1>) blends[] = {blend_columns<1>, blend_columns<2>,
                                                    blend_columns<3>, blend_columns<4>};
  const auto blend = blends[picture.channels - 1];
  const Taps rows = taps_of(picture.height, height), columns = taps_of(picture.width, width);
  const auto row_bytes = static_cast<std::size_t>(picture.width * picture.channels);
  std::vector<float> row(row_bytes);
  for (std::int64_t h = 0; h < height; ++h) {
    const auto first = static_cast<std::size_t>(rows.first[static_cast<std::size_t>(h)]);
    blend_rows(picture.pixels.data() + first * row_bytes, rows.of(h), rows.count, row_bytes,
               row.data());
    blend(row.data(), columns, pixels.data() + h * width * picture.channels);
  }
}

}  // namespace tessera::data

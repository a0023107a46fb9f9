// Pictures in another size against sums over all pixels in doubles.
#include "engine/data/resize.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "engine/base/philox.h"
#include "tests/data/files.h"

namespace tessera::tests {
namespace {

/// How much old pixel `i` of `from` counts for new pixel `o` of `to`, before the sum is made 1.
double share(std::int64_t i, std::int64_t o, std::int64_t from, std::int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double place = (static_cast<double>(o) + 0.5) * scale;
  return std::max(0.0, 1 - std::abs(static_cast<double>(i) + 0.5 - place) / std::max(1.0, scale));
}

double expected(const data::Decoded& picture, std::int64_t height, std::int64_t width,
                std::int64_t h, std::int64_t w, std::int64_t c) {
  double sum = 0, all = 0;
  for (std::int64_t i = 0; i < picture.height; ++i)
    for (std::int64_t j = 0; j < picture.width; ++j) {
      const double weight = share(i, h, picture.height, height) * share(j, w, picture.width, width);
      const auto at = static_cast<std::size_t>((i * picture.width + j) * picture.channels + c);
      sum += weight * picture.pixels[at];
      all += weight;
    }
  return sum / all;
}

}  // namespace

TEST_CASE("pictures become smaller and larger") {
  const std::int64_t sizes[][4] = {{7, 5, 3, 4}, {5, 9, 13, 2}, {1, 1, 3, 2},    {6, 6, 6, 3},
                                   {4, 7, 1, 1}, {3, 4, 4, 3},  {30, 41, 11, 17}};
  Philox random(3, "resize");
  for (const auto& size : sizes)
    for (std::int64_t channels = 1; channels <= 4; ++channels) {
      const std::int64_t from_height = size[0], from_width = size[1], height = size[2],
                         width = size[3];
      CAPTURE(from_height);
      CAPTURE(channels);
      data::Decoded picture{from_height, from_width, channels, {}};
      for (std::int64_t i = 0; i < from_height * from_width * channels; ++i)
        picture.pixels.push_back(static_cast<std::uint8_t>(random.below(256)));
      Bytes found(static_cast<std::size_t>(height * width * channels));
      data::resize(picture, height, width, Crop::none, found);
      for (std::int64_t i = 0; i < std::ssize(found); ++i) {
        const std::int64_t pixel = i / channels;
        CHECK(std::abs(found[static_cast<std::size_t>(i)] - expected(picture, height, width,
                                                                     pixel / width, pixel % width,
                                                                     i % channels)) < 0.51);
      }
    }
}

TEST_CASE("the center is cut of an image scaled to fill the size") {
  data::Decoded wide{2, 9, 1, {}};  // scaled by 2: columns 4 to 13 of 18 are left, with 10 of them
  for (int i = 0; i < 18; ++i) wide.pixels.push_back(static_cast<std::uint8_t>(i % 9 * 20));
  data::Decoded doubled{4, 18, 1, Bytes(72)};
  data::resize(wide, 4, 18, Crop::none, doubled.pixels);
  Bytes found(4 * 10);
  data::resize(wide, 4, 10, Crop::center, found);
  for (std::size_t i = 0; i < found.size(); ++i)
    CHECK(found[i] == doubled.pixels[i / 10 * 18 + 4 + i % 10]);
  data::Decoded tall{9, 2, 1, wide.pixels};
  for (std::size_t i = 0; i < 18; ++i) tall.pixels[i] = static_cast<std::uint8_t>(i / 2 * 20);
  Bytes turned(10 * 4);
  data::resize(tall, 10, 4, Crop::center, turned);
  for (std::size_t i = 0; i < turned.size(); ++i) CHECK(turned[i] == found[i % 4 * 10 + i / 4]);
}

}  // namespace tessera::tests

// Batches mixed with themselves, colors changed, and the middle of images.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/base/philox.h"
#include "tessera/augment.h"
#include "tessera/ops/vision.h"
#include "tests/devices.h"
#include "tests/refusal.h"
#include "tests/training/runs.h"

namespace tessera {
namespace {

std::span<const std::byte> bytes_of(const std::vector<float>& numbers) {
  return std::as_bytes(std::span(numbers));
}

std::vector<float> random_numbers(std::size_t count) {
  Philox random(1, "numbers");
  std::vector<float> numbers(count);
  for (float& number : numbers) number = random.uniform();
  return numbers;
}

std::vector<Mixture> mixtures(const Augmentation& augmentation) {
  std::vector<Mixture> result;
  for (std::int64_t step = 0; step < 4000; ++step)
    result.push_back(draw_mixture(augmentation, {10, 8, 3, step, 0, 7, 1}));
  return result;
}

}  // namespace

TEST_CASE("shares of mixup have mean and variance of the beta distribution") {
  for (const double alpha : {0.2, 1.0, 3.0}) {
    CAPTURE(alpha);
    double sum = 0, squares = 0;
    for (const Mixture& mixture : mixtures({.mixup = alpha})) {
      CHECK(mixture.target == mixture.share);
      const double deviation = static_cast<double>(mixture.share) - 0.5;
      sum += deviation;
      squares += deviation * deviation;
    }
    CHECK(std::abs(sum / 4000) < 0.02);
    CHECK(std::abs(squares / 4000 * 4 * (2 * alpha + 1) - 1) < 0.06);
  }
}

TEST_CASE("boxes of cutmix lie in the padded image, and labels have the shares of the areas") {
  double own = 0;
  for (const Mixture& mixture : mixtures({.cutmix = 1})) {
    const auto [top, left, bottom, right] = mixture.box;
    CHECK(mixture.share == 1);
    CHECK(top >= 0);
    CHECK(left >= 0);
    CHECK(bottom <= 12);
    CHECK(right <= 10);
    CHECK(mixture.target == doctest::Approx(1 - (bottom - top) * (right - left) / 120));
    own += static_cast<double>(mixture.target) / 4000;
  }
  CHECK(std::abs(own - 0.745) < 0.02);  // more than a half: boxes are cut at the border
}

TEST_CASE("with both, each batch gets mixup or cutmix") {
  int mixups = 0;
  for (const Mixture& mixture : mixtures({.mixup = 1, .cutmix = 1})) {
    const bool cuts = mixture.share == 1;
    mixups += !cuts;
    if (!cuts) CHECK(mixture.box == std::array<float, 4>{0, 0, 0, 0});
  }
  CHECK(mixups == doctest::Approx(2000).epsilon(0.05));
}

TEST_CASE("mixed targets sum to 1 and have the shares of the two labels") {
  const std::vector<std::int32_t> labels = {2, 0, 0, 3};
  const std::vector<float> share = {0.75};
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    const auto targets =
        run(*device,
            [](Graph& graph) {
              return mixup(one_hot(graph.input("label", {DType::i32, {4}}), 5),
                           graph.input("share", {DType::f32, {1}}));
            },
            {{"label", std::as_bytes(std::span(labels))}, {"share", bytes_of(share)}});
    CHECK(targets == std::vector<float>{0, 0, 0.75, 0.25, 0, 0.75, 0, 0.25, 0,    0,
                                        1, 0, 0,    0,    0, 0.25, 0, 0,    0.75, 0});
  }
}

TEST_CASE("cutmix takes exact pixels, and a share of 1 leaves images as they are") {
  constexpr std::int64_t N = 3, H = 5, W = 4;
  const std::vector<float> x = random_numbers(N * H * W * 2), box = {1, 2, 4, 9}, one = {1};
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    const auto images = [](Graph& graph) { return graph.input("x", {DType::f32, {N, H, W, 2}}); };
    const auto y =
        run(*device,
            [&](Graph& graph) {
              return cutmix(mixup(images(graph), graph.input("share", {DType::f32, {1}})),
                            graph.input("box", {DType::f32, {1, 4}}));
            },
            {{"x", bytes_of(x)}, {"box", bytes_of(box)}, {"share", bytes_of(one)}});
    int wrong = 0;
    for (std::int64_t i = 0; i < N * H * W * 2; ++i) {
      const std::int64_t n = i / (H * W * 2), h = i / (W * 2) % H, w = i / 2 % W;
      const bool cut = h >= 1 && h < 4 && w >= 2;
      const std::int64_t source = cut && n == 0 ? i + (N - 1) * H * W * 2 : cut ? i - H * W * 2 : i;
      wrong += y[static_cast<std::size_t>(i)] != x[static_cast<std::size_t>(source)];
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("colors, crops and mixtures say what does not fit") {
  Graph graph;
  const Var two = graph.input("two", {DType::f32, {1, 5, 4, 2}});
  const Var row = graph.input("row", {DType::f32, {1, 5}});
  const Var factor = graph.constant({1, 1, 1, 1}, 1);
  CHECK(refusal([&] { adjust_contrast(two, factor, "c"); }) ==
        "[adjust_contrast] input has 2 channels, expected 1 or 3 (node 'c')");
  CHECK(refusal([&] { adjust_saturation(row, factor, "c"); }) ==
        "[adjust_saturation] input is f32[1,5], expected 4 dimensions (node 'c')");
  CHECK(refusal([&] {
          normalize_image(two, {1, 2, 3}, {}, "n");
        }) ==
        "[normalize_image] has 3 numbers for 2 channels, expected one for each or for all (node "
        "'n')");
  CHECK(refusal([&] {
          center_crop(two, {3, 0}, "c");
        }) == "[center_crop] size is 0, expected at least 1 (node 'c')");
  const Var bytes = graph.input("bytes", {DType::u8, {2, 5, 4, 2}});
  const Var transforms = graph.input("transforms", {DType::f32, {2, 6}});
  CHECK(refusal([&] {
          transform_image(bytes, row, {5, 4}, {}, "t");
        }) == "[transform_image] transforms has shape [1,5], expected [2,6] (node 't')");
  CHECK(refusal([&] {
          transform_image(bytes, transforms, {5, 0}, {}, "t");
        }) ==
        "[transform_image] size is [5,0], expected 2 numbers from 1 to 2147483647 (node 't')");
  CHECK(refusal([&] {
          transform_image(two, transforms, {5, 4}, {}, "t");
        }) == "[transform_image] input is f32[1,5,4,2], expected elements of type u8 (node 't')");
  CHECK(refusal([&] { erase(two, row, "e"); }) ==
        "[box_mask] boxes has shape [1,5], expected [1,4] (node 'e.mask')");
}

}  // namespace tessera

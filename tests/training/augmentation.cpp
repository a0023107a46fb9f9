// Images changed at random while training: the numbers drawn, what becomes of images, and that a
// run goes on from a checkpoint with the images and masks that it would have seen.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "tessera/checkpoint.h"
#include "tessera/error.h"
#include "tessera/layers.h"
#include "tests/devices.h"
#include "tests/training/runs.h"
#include "tests/training/synthetic.h"

namespace tessera {
namespace {

using Transform = std::array<float, 6>;

std::vector<Transform> transforms(const Augmentation& augmentation, const AugmentedBatch& batch) {
  const std::vector<float> numbers = draw_transforms(augmentation, batch);
  std::vector<Transform> result(numbers.size() / 6);
  for (std::size_t i = 0; i < numbers.size(); ++i) result[i / 6][i % 6] = numbers[i];
  return result;
}

ImageModel model_with_dropout(const ImageDataset& data) {
  const auto build = [](Var x) {
    x = max_pool2d(relu(layers::conv2d(x, "conv", 3, 5)));
    return layers::dense(layers::dropout(flatten(x), "dropout"), "fc", 4);
  };
  return {"dropout",
          {data.height(), data.width(), data.channels(), {.padding = 1}},
          data.classes(),
          build};
}

constexpr const char* all =
    "crop=2,flip,rotate=15,cutout=4,brightness=0.4,contrast=0.3,mixup=0.5,cutmix=1";

TrainerOptions augmented(const char* augmentation, std::uint64_t seed = 4) {
  return {.lr = 0.05, .augment = augmentation_of(augmentation), .seed = seed};
}

}  // namespace

TEST_CASE("augmentations are read, written and checked") {
  CHECK(augmentation_of("") == Augmentation{});
  CHECK(augmentation_of("crop=4,flip,cutout=8") ==
        Augmentation{.crop = 4, .flip = 0.5, .cutout = 8});
  const std::string text =
      "flip=0.25,resized-crop=0.08,rotate=12.5,cutout=3,brightness=0.4,contrast=0.3,"
      "saturation=0.2,mixup=0.1,cutmix=1";
  CHECK(to_string(augmentation_of(text)) == text);
  const auto refusal = [](const char* wrong) {
    try {
      augmentation_of(wrong);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(refusal("crop") == "[augment] crop is '', expected a whole number of at least 0");
  CHECK(refusal("crop=1.5") == "[augment] crop is '1.5', expected a whole number of at least 0");
  CHECK(refusal("flip=2") == "[augment] flip is '2', expected a number from 0 to 1");
  CHECK(refusal("rotate=-3") == "[augment] rotate is '-3', expected a number from 0 to 180");
  CHECK(refusal("flip=nan") == "[augment] flip is 'nan', expected a number from 0 to 1");
  CHECK(refusal("cutout=4x") == "[augment] cutout is '4x', expected a whole number of at least 0");
  CHECK(
      refusal("flip,,crop=1") ==
      "[augment] there is no ''; there are: crop, flip, resized-crop, rotate, cutout, brightness, "
      "contrast, saturation, mixup, cutmix");
  CHECK(refusal("crop=1,resized-crop=0.5") ==
        "[augment] has crop and resized-crop, expected one of them");
  CHECK_THROWS_AS(with_defaults({.augment = {.flip = 3}}), Error);
}

TEST_CASE("flips come as often as wanted, and moves evenly") {
  const auto drawn = transforms({.crop = 2, .flip = 0.3}, {8, 10, 5, 17, 0, 20000});
  double flips = 0;
  std::map<std::pair<float, float>, int> moves;
  for (const Transform& t : drawn) {
    const bool flipped = t[0] < 0;
    flips += flipped;
    CHECK(t == Transform{flipped ? -1.0f : 1.0f, 0, t[2], 0, 1, t[5]});
    ++moves[{flipped ? 9 - t[2] : -t[2], t[5]}];
  }
  CHECK(std::abs(flips / 20000 - 0.3) < 0.01);
  CHECK(moves.size() == 25);
  for (const auto& [move, count] : moves) {
    CHECK(std::abs(move.second) <= 2);
    CHECK(count == doctest::Approx(800).epsilon(0.15));
  }
}

TEST_CASE("resized crops lie in the image and have the area and the sides wanted") {
  double areas = 0;
  for (const Transform& t : transforms({.resized_crop = 0.25}, {40, 60, 5, 17, 0, 5000})) {
    const double w = t[0] * 60, h = t[4] * 40, left = t[2] + 0.5 - 0.5 * t[0],
                 top = t[5] + 0.5 - 0.5 * t[4];
    areas += w * h / 2400;
    CHECK(w * h / 2400 > 0.22);
    CHECK(left > -1e-4);
    CHECK(top > -1e-4);
    CHECK(left + w < 60 + 1e-4);
    CHECK(top + h < 40 + 1e-4);
    CHECK(w / h / 1.5 > 0.7);
    CHECK(w / h / 1.5 < 1.43);
  }
  CHECK(std::abs(areas / 5000 - 0.564) < 0.02);  // torchvision: 0.564
}

TEST_CASE("rotations keep the center and every distance") {
  double least = 0, most = 0;
  for (const Transform& t : transforms({.rotate = 30}, {9, 9, 5, 17, 0, 1000})) {
    CHECK(4 * t[0] + 4 * t[1] + t[2] == doctest::Approx(4));
    CHECK(4 * t[3] + 4 * t[4] + t[5] == doctest::Approx(4));
    CHECK(t[0] * t[4] - t[1] * t[3] == doctest::Approx(1));
    const double angle = std::atan2(t[3], t[0]) * 180 / 3.14159265;
    least = std::min(least, angle);
    most = std::max(most, angle);
  }
  CHECK(least == doctest::Approx(-30).epsilon(0.02));
  CHECK(most == doctest::Approx(30).epsilon(0.02));
}

TEST_CASE("every seed, step and image has numbers of its own, whatever the parts of a batch") {
  const Augmentation augmentation{.crop = 9, .flip = 0.5, .rotate = 20, .cutout = 3};
  const auto draw = [&](const AugmentedBatch& of) { return transforms(augmentation, of); };
  const auto whole = draw({32, 32, 1, 6, 0, 10});
  CHECK(draw({32, 32, 1, 6, 0, 10}) == whole);
  const auto part = draw({32, 32, 1, 6, 4, 6});
  CHECK(part == std::vector<Transform>(whole.begin() + 4, whole.end()));
  CHECK(std::set<Transform>(whole.begin(), whole.end()).size() == 10);
  CHECK(draw({32, 32, 2, 6, 0, 10}) != whole);
  CHECK(draw({32, 32, 1, 7, 0, 10}) != whole);
  for (const auto& other : {AugmentedBatch{32, 32, 2, 6, 0, 10}, {32, 32, 1, 7, 0, 10}})
    CHECK(draw_cutouts(augmentation, other) != draw_cutouts(augmentation, {32, 32, 1, 6, 0, 10}));
}

TEST_CASE("crops and flips give exact, moved copies") {
  constexpr std::int64_t N = 30, H = 9, W = 7;
  std::vector<std::uint8_t> bytes(N * H * W);
  Philox random(1, "bytes");
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.below(256));
  const Augmentation augmentation{.crop = 3, .flip = 0.5};
  const AugmentedBatch which{H, W, 1, 2, 0, N};
  const std::vector<float> drawn = draw_transforms(augmentation, which);
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    const auto y =
        run(*device,
            [](Graph& graph) {
              return transform_image(graph.input("x", {DType::u8, {N, H, W, 1}}),
                                     graph.input("t", {DType::f32, {N, 6}}), {H, W});
            },
            {{"x", std::as_bytes(std::span(bytes))}, {"t", std::as_bytes(std::span(drawn))}});
    int wrong = 0;
    for (std::int64_t n = 0; n < N; ++n) {
      const Transform t = transforms(augmentation, which)[static_cast<std::size_t>(n)];
      for (std::int64_t p = 0; p < H; ++p)
        for (std::int64_t q = 0; q < W; ++q) {
          const std::int64_t h = p + static_cast<std::int64_t>(t[5]);
          const std::int64_t w = static_cast<std::int64_t>(t[2]) + (t[0] < 0 ? -q : q);
          const bool inside = h >= 0 && h < H && w >= 0 && w < W;
          const int byte = inside ? bytes[static_cast<std::size_t>((n * H + h) * W + w)] : 0;
          const float scale = 1.0f / 255;
          wrong +=
              y[static_cast<std::size_t>((n * H + p) * W + q)] != static_cast<float>(byte) * scale;
        }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("a cutout is a square of zeros, clipped at the border") {
  constexpr std::int64_t N = 40;
  const std::vector<float> boxes = draw_cutouts({.cutout = 4}, {9, 8, 1, 2, 0, N});
  std::set<int> erased;
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    const auto y = run(
        *device,
        [](Graph& graph) {
          return erase(graph.constant({N, 9, 8, 2}, 3), graph.input("boxes", {DType::f32, {N, 4}}));
        },
        {{"boxes", std::as_bytes(std::span(boxes))}});
    for (std::size_t n = 0; n < N; ++n) {
      const auto count = std::count(y.begin() + static_cast<std::ptrdiff_t>(n * 144),
                                    y.begin() + static_cast<std::ptrdiff_t>(n * 144 + 144), 0.0f);
      erased.insert(static_cast<int>(count));
    }
    CHECK(std::count(y.begin(), y.end(), 3.0f) + std::count(y.begin(), y.end(), 0.0f) == N * 144);
  }
  CHECK(*erased.rbegin() == 32);
  CHECK(*erased.begin() >= 8);
  CHECK(erased.size() > 2);
}

TEST_CASE("masks of dropout differ for seeds, steps and parts of a step") {
  const auto device = open_device("cpu");
  const auto mask = [&](std::uint64_t seed, std::int32_t draw) {
    Graph graph(Mode::training, seed);
    const Var counter = graph.input("draw", {DType::i32, {1}});
    graph.set_output("y", layers::dropout(graph.constant({64}, 1), "d"));
    CHECK(graph.nodes().back().inputs[1] == counter.id());
    Params params(*device);
    params.add(graph, 0);
    const auto executable = device->compile(Plan(graph), params);
    executable->set_input("draw", std::as_bytes(std::span(&draw, 1)));
    executable->run();
    std::vector<float> y(64);
    executable->read_output("y", std::as_writable_bytes(std::span(y)));
    return y;
  };
  CHECK(mask(1, 5) == mask(1, 5));
  CHECK(mask(1, 5) != mask(2, 5));
  CHECK(mask(1, 5) != mask(1, 6));
}

TEST_CASE("the parts of a batch have masks of their own") {
  // One unit, kept or dropped: a step whose two equal images are treated differently has a loss
  // between that of keeping both and that of dropping both.
  const auto build = [](Var x) {
    return layers::dense(layers::dropout(slice(flatten(x), 1, 0, 1), "dropout"), "fc", 4);
  };
  const auto device = open_device("cpu");
  ImageModel model = model_with_dropout(SyntheticImages(1, 2));
  model.input.options.padding = 0;
  model.build = build;
  ImageClassifier network(*device, model, 3);
  Trainer trainer(network, {.lr = 0.0, .parts = 2});
  std::set<float> losses;
  for (int step = 0; step < 40; ++step) {
    trainer.step(image_batch({2, 2, 1}, std::vector<std::uint8_t>(8, 255), {{0, 0}}));
    losses.insert(static_cast<float>(trainer.take_losses().mean()));
  }
  CHECK(losses.size() == 3);
}

TEST_CASE("a run with augmentation and dropout goes on from a checkpoint bit for bit") {
  const SyntheticImages data(45, 12);
  const TemporaryFile file;
  for (const auto& device : open_usable_devices())
    for (const std::int64_t parts : {1, 3}) {
      CAPTURE(device->info().id);
      CAPTURE(parts);
      TrainerOptions options = augmented(all);
      options.parts = parts;
      ImageClassifier whole(*device, model_with_dropout(data), 1),
          first(*device, model_with_dropout(data), 1),
          second(*device, model_with_dropout(data), 99);
      Trainer whole_trainer(whole, options), trainer(first, options);
      train_steps(whole_trainer, data, 0, 17);
      train_steps(trainer, data, 0, 9);
      save_checkpoint(file.path(), first, {.data = "made-up", .options = options, .step = 9});
      const Checkpoint checkpoint = read_checkpoint(file.path());
      CHECK(checkpoint.training.options == with_defaults(options));
      Trainer second_trainer(second, checkpoint.training.options);
      restore(checkpoint, second);
      train_steps(second_trainer, data, 9, 17);
      CHECK(weights(second) == weights(whole));
    }
}

TEST_CASE("augmented trainings are the same on every device, and others with another seed") {
  const SyntheticImages data(45, 12);
  const auto losses = [&](Device& device, const TrainerOptions& options) {
    ImageClassifier network(device, model_with_dropout(data), 1);
    Trainer trainer(network, options);
    std::vector<double> result;
    for (std::int64_t step = 0; step < 12; ++step) {
      train_steps(trainer, data, step, step + 1);
      result.push_back(trainer.take_losses().mean());
    }
    return result;
  };
  const auto cpu = open_device("cpu");
  const auto expected = losses(*cpu, augmented(all));
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    const auto found = losses(*device, augmented(all));
    for (std::size_t i = 0; i < expected.size(); ++i)
      CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-4));
  }
  CHECK(losses(*cpu, augmented(all, 5)) != expected);
  CHECK(losses(*cpu, augmented("crop=2,flip,rotate=15")) != expected);
}

}  // namespace tessera

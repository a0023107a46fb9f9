// Batch norm in a training: running statistics are learnt, used in evaluation and kept in
// checkpoints.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "tessera/checkpoint.h"
#include "tessera/layers.h"
#include "tessera/trainer.h"
#include "tests/devices.h"
#include "tests/training/synthetic.h"

namespace tessera {
namespace {

ImageModel model_for(const ImageDataset& data) {
  const auto build = [](Var x) {
    x = max_pool2d(relu(layers::batch_norm2d(layers::conv2d(x, "conv", 3, 5), "bn")));
    return layers::dense(flatten(x), "fc", 4);
  };
  return {"bn", {data.height(), data.width(), data.channels(), {}}, data.classes(), build};
}

}  // namespace

TEST_CASE("running statistics are learnt, saved, restored and used in evaluation") {
  const SyntheticImages data(32, 12);
  const std::string path = (std::filesystem::temp_directory_path() /
                            ("tessera-batch-norm-" + std::to_string(::getpid()) + ".safetensors"))
                               .string();
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    ImageClassifier network(*device, model_for(data), 1);
    CHECK(network.params().read_floats("bn.running_var") == std::vector<float>(3, 1.0f));
    CHECK(network.params().read_floats("bn.running_mean") == std::vector<float>(3, 0.0f));
    CHECK(network.params().read_floats("bn.weight") == std::vector<float>(3, 1.0f));
    Trainer trainer(network, {.lr = 0.05, .momentum = 0.9});
    Loader loader(data, {.batch = 32});
    const Batch batch = *loader.next();
    for (int i = 0; i < 60; ++i) trainer.step(batch);
    const std::vector<float> mean = network.params().read_floats("bn.running_mean");
    CHECK(mean != std::vector<float>(3, 0.0f));
    const ClassifierEvaluation expected = network.evaluate(data, 32);
    CHECK(expected.accuracy > 0.9);
    // ClassifierEvaluation changes nothing, and looks at each image on its own.
    CHECK(network.evaluate(data, 5).loss == doctest::Approx(expected.loss).epsilon(1e-4));
    CHECK(network.params().read_floats("bn.running_mean") == mean);

    save_checkpoint(path, network);
    ImageClassifier other(*device, model_for(data), 2);
    restore(read_checkpoint(path), other);
    std::filesystem::remove(path);
    CHECK(other.params().read_floats("bn.running_mean") == mean);
    CHECK(other.evaluate(data, 32).loss == expected.loss);
    const std::vector<float> fives(3, 5.0f);
    other.params().write("bn.running_mean", std::as_bytes(std::span(fives)));
    CHECK(other.evaluate(data, 32).loss != expected.loss);
  }
}

TEST_CASE("running statistics follow the mean over the parts of a batch, once in a step") {
  const SyntheticImages data(20, 12);
  const auto statistics = [](ImageClassifier& network) {
    std::vector<float> all = network.params().read_floats("bn.running_mean");
    for (const float var : network.params().read_floats("bn.running_var")) all.push_back(var);
    return all;
  };
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    const auto after_step = [&](std::int64_t parts, const Batch& batch) {
      ImageClassifier network(*device, model_for(data), 1);
      Trainer trainer(network, {.lr = 0.0, .parts = parts});
      trainer.step(batch);
      return statistics(network);
    };
    Loader whole(data, {.batch = 20}), halves(data, {.batch = 10});
    const std::vector<float> found = after_step(2, *whole.next()),
                             first = after_step(1, *halves.next()),
                             second = after_step(1, *halves.next());
    CHECK(first != second);
    for (std::size_t i = 0; i < found.size(); ++i)
      CHECK(found[i] == doctest::Approx((first[i] + second[i]) / 2).epsilon(1e-5));
  }
}

}  // namespace tessera

// Steps whose loss or gradients are not finite: nothing of them reaches the weights, and the node
// that made the first such number is found.
#include <doctest/doctest.h>

#include <algorithm>

#include "tessera/error.h"
#include "tessera/layers.h"
#include "tessera/trainer.h"
#include "tests/devices.h"
#include "tests/training/runs.h"
#include "tests/training/synthetic.h"

namespace tessera {
namespace {

/// A net that a black image ruins from the second norm on: the logarithm of 0 stands there.
Var logarithms(Var x) {
  x = layers::batch_norm2d(
      layers::conv2d(add(x, log(mean(x, {1, 2, 3}, {.keepdim = true}), "dark")), "conv", 3, 5),
      "bn");
  return layers::dense(flatten(max_pool2d(relu(x))), "fc", 4);
}

/// A net whose logits are finite and whose gradients are not: the root's slope at 0.
Var roots(Var x) {
  const Var y = layers::dense(flatten(x), "fc", 4);
  return add(y, sqrt(mul(y, y.graph().constant({1}, 0)), "root"));
}

ImageModel model_for(const ImageDataset& data, Var (*build)(Var)) {
  return {"made up", {data.height(), data.width(), data.channels(), {}}, data.classes(), build};
}

Batch batch_of(const ImageDataset& data, std::int64_t first) {
  Loader loader(data, {.batch = 5, .first_batch = first});
  return *loader.next();
}

void run_steps(Trainer& trainer, const std::vector<const Batch*>& steps) {
  for (const Batch* step : steps) trainer.step(*step);
}

/// Of weights and states, but for the number of steps.
Bytes trained(const ImageClassifier& network) {
  Bytes all = weights(network);
  all.erase("step");
  return all;
}

const TrainerOptions kinds[] = {
    {.optimizer = Optimizer::sgd, .ema = 0.9},
    {.optimizer = Optimizer::rmsprop, .clip_norm = 1},
    {.optimizer = Optimizer::lars, .parts = 2},
    {.optimizer = Optimizer::adagrad, .clip_value = 0.1},
};

}  // namespace

TEST_CASE("a step that is not finite is skipped, and leaves weights and states as they are") {
  const SyntheticImages data(20, 12);
  const Batch first = batch_of(data, 0), second = batch_of(data, 1);
  Batch dark = first;
  std::fill_n(dark.values<std::uint8_t>("image").begin(), 2 * 12 * 12, std::uint8_t{0});
  for (const auto& device : open_usable_devices())
    for (TrainerOptions options : kinds) {
      CAPTURE(device->info().id);
      CAPTURE(to_string(options.optimizer));
      options.on_nan = OnNan::skip;
      ImageClassifier network(*device, model_for(data, logarithms), 1);
      ImageClassifier plain(*device, model_for(data, logarithms), 1);
      Trainer trainer(network, options), plain_trainer(plain, options);
      run_steps(trainer, {&first, &dark, &second, &dark, &first});
      run_steps(plain_trainer, {&first, &second, &first});
      const LossSum losses = trainer.take_losses();
      CHECK(losses.skipped == 2);
      CHECK(losses.steps == 3);
      CHECK(losses.sum == plain_trainer.take_losses().sum);
      CHECK(trained(network) == trained(plain));
    }
}

TEST_CASE("a training that stops keeps what it had, and names the node") {
  const SyntheticImages data(20, 12);
  const Batch good = batch_of(data, 0);
  Batch dark = batch_of(data, 1);
  std::fill_n(dark.values<std::uint8_t>("image").begin() + 3 * 12 * 12, 12 * 12, std::uint8_t{0});
  for (const auto& device : open_usable_devices())
    for (const TrainerOptions& options : kinds) {
      CAPTURE(device->info().id);
      CAPTURE(to_string(options.optimizer));
      ImageClassifier network(*device, model_for(data, logarithms), 1);
      ImageClassifier plain(*device, model_for(data, logarithms), 1);
      Trainer trainer(network, options), plain_trainer(plain, options);
      run_steps(trainer, {&good, &dark});
      plain_trainer.step(good);
      const Bytes before = weights(plain);
      // Later steps change the running statistics of batch norms, and nothing else.
      for (int i = 0; i < 3; ++i) trainer.step(good);
      try {
        trainer.take_losses();
        FAIL("nothing was thrown");
      } catch (const NotFinite& error) {
        CHECK(error.step() == 1);
        CHECK(error.what() ==
              std::string("[train] the loss or a gradient of step 2 is not finite"));
      }
      for (const auto& [name, bytes] : trained(network))
        if (name.find("running") == std::string::npos) CHECK(bytes == before.at(name));
      CHECK(trainer.find_not_finite(dark, 1).starts_with("node 'dark' ("));
      CHECK(trainer.find_not_finite(dark, 1).ends_with(
          options.parts > 1 ? "returns inf in 1 of 2 elements" : "returns inf in 1 of 5 elements"));
      CHECK(trainer.find_not_finite(good, 0) ==
            "all nodes return finite values when the step is repeated");
      // A trainer that begins anew is not stopped by it.
      Trainer again(network, options);
      again.step(good);
      CHECK(again.take_losses().steps == 1);
      CHECK(network.params().read("fc.weight") != before.at("fc.weight"));
    }
}

TEST_CASE("gradients that are not finite count as much as a loss") {
  const SyntheticImages data(20, 12);
  const Batch one = batch_of(data, 0);
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    ImageClassifier network(*device, model_for(data, roots), 1);
    const auto before = network.params().read("fc.weight");
    Trainer trainer(network);
    trainer.step(one);
    CHECK_THROWS_AS(trainer.take_losses(), NotFinite);
    CHECK(network.params().read("fc.weight") == before);
    const std::string found = trainer.find_not_finite(one, 0);
    CHECK_MESSAGE(found.starts_with("node 'add_10 and 2 before' (chain, "), found);

    ImageClassifier careless(*device, model_for(data, roots), 1);
    Trainer ignoring(careless, {.on_nan = OnNan::ignore});
    ignoring.step(one);
    CHECK(ignoring.take_losses().steps == 1);
    CHECK(ignoring.find_not_finite(one, 1) == "'fc.bias' was not finite before it");
  }
}

}  // namespace tessera

// Trainings on each device: they learn, repeat bit for bit, go on from a checkpoint as if nothing
// had happened, and stop at a loss that is not finite.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include "tessera/checkpoint.h"
#include "tessera/error.h"
#include "tessera/models.h"
#include "tessera/trainer.h"
#include "tests/devices.h"
#include "tests/training/runs.h"
#include "tests/training/synthetic.h"

namespace tessera {
namespace {

ImageModel model_for(const ImageDataset& data) {
  return make_model("tutorial", {data.height(), data.width(), data.channels(), {}}, data.classes());
}

}  // namespace

TEST_CASE("a training learns, and its losses are those of its steps") {
  const SyntheticImages data(45), test(60);
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    ImageClassifier network(*device, model_for(data), 1);
    const ClassifierEvaluation before = network.evaluate(test, 13);
    CHECK(before.loss == doctest::Approx(std::log(4.0)).epsilon(0.1));
    Trainer trainer(network, {.lr = 0.05, .momentum = 0.9});
    train_steps(trainer, data, 0, 7);
    const LossSum early = trainer.take_losses();
    CHECK(early.steps == 7);
    CHECK(early.mean() == doctest::Approx(std::log(4.0)).epsilon(0.2));
    train_steps(trainer, data, 7, 140);
    trainer.take_losses();
    const ClassifierEvaluation after = network.evaluate(test, 13);
    CHECK(after.accuracy > 0.9);
    CHECK(after.images == 60);
    CHECK(trainer.steps() == 140);
  }
}

TEST_CASE("more steps than the loss history holds lose no loss") {
  const SyntheticImages data(4);
  const auto device = open_device("cpu");
  ImageClassifier network(*device, model_for(data), 1);
  Trainer trainer(network, {.lr = 0.0, .momentum = 0.0});
  Batch one;
  {
    Loader loader(data, {.batch = 2});
    one = *loader.next();
  }
  trainer.step(one);
  const double loss = trainer.take_losses().mean();
  for (int i = 0; i < 2500; ++i) trainer.step(one);
  const LossSum losses = trainer.take_losses();
  CHECK(losses.steps == 2500);
  CHECK(losses.mean() == doctest::Approx(loss));
}

TEST_CASE("N steps, a checkpoint and M steps equal N + M steps, bit for bit") {
  const SyntheticImages data(45);
  const TemporaryFile file;
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    ImageClassifier whole(*device, model_for(data), 1);
    Trainer whole_trainer(whole, {.lr = 0.05, .momentum = 0.9});
    train_steps(whole_trainer, data, 0, 23);

    {
      ImageClassifier first(*device, model_for(data), 1);
      Trainer trainer(first, {.lr = 0.05, .momentum = 0.9});
      train_steps(trainer, data, 0, 11);
      save_checkpoint(file.path(), first, {.data = "made-up", .step = 11});
    }
    const Checkpoint checkpoint = read_checkpoint(file.path());
    CHECK(checkpoint.training.step == 11);
    for (const bool trainer_first : {true, false}) {
      ImageClassifier second(*device, model_for(data), 99);
      std::optional<Trainer> trainer;
      if (trainer_first) trainer.emplace(second, TrainerOptions{.lr = 0.05, .momentum = 0.9});
      restore(checkpoint, second);
      if (!trainer_first) trainer.emplace(second, TrainerOptions{.lr = 0.05, .momentum = 0.9});
      CHECK(trainer->steps() == 11);
      train_steps(*trainer, data, 11, 23);
      CHECK(trainer->steps() == 23);
      const LossSum losses = trainer->take_losses();
      CHECK(losses.steps == 12);
      CHECK(losses.mean() > 0);
      CHECK(weights(second) == weights(whole));
    }

    ImageClassifier other_seed(*device, model_for(data), 2);
    CHECK(other_seed.params().read("conv1.weight") != whole.params().read("conv1.weight"));
  }
}

TEST_CASE("every optimizer goes on from a checkpoint bit for bit") {
  const SyntheticImages data(45);
  const TemporaryFile file;
  const TrainerOptions all[] = {
      {.optimizer = Optimizer::adam, .schedule = {.kind = Schedule::cosine, .steps = 9}},
      {.optimizer = Optimizer::rmsprop, .momentum = 0.5, .clip_norm = 0.5},
      {.optimizer = Optimizer::lars, .lr = 0.5, .weight_decay = 0.01, .parts = 3},
      {.optimizer = Optimizer::adagrad, .clip_value = 0.01, .ema = 0.9},
  };
  for (const auto& device : open_usable_devices())
    for (const TrainerOptions& options : all) {
      CAPTURE(device->info().id);
      CAPTURE(to_string(options.optimizer));
      ImageClassifier whole(*device, model_for(data), 1), first(*device, model_for(data), 1),
          second(*device, model_for(data), 99);
      Trainer whole_trainer(whole, options), trainer(first, options);
      train_steps(whole_trainer, data, 0, 9);
      train_steps(trainer, data, 0, 4);
      save_checkpoint(file.path(), first, {.data = "made-up", .options = options, .step = 4});
      const Checkpoint checkpoint = read_checkpoint(file.path());
      CHECK(checkpoint.training.options == with_defaults(options));
      Trainer second_trainer(second, options);
      restore(checkpoint, second);
      train_steps(second_trainer, data, 4, 9);
      CHECK(weights(second) == weights(whole));
    }
}

TEST_CASE("a batch in parts gives what the whole batch gives") {
  const SyntheticImages data(45);
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    ImageClassifier whole(*device, model_for(data), 1), parts(*device, model_for(data), 1);
    // Batches of 7 and 3 images: parts of 3, 2 and 2, and of 1.
    Trainer whole_trainer(whole, {.lr = 0.05});
    Trainer trainer(parts, {.lr = 0.05, .parts = 3});
    train_steps(whole_trainer, data, 0, 7);
    train_steps(trainer, data, 0, 7);
    const LossSum expected = whole_trainer.take_losses(), found = trainer.take_losses();
    CHECK(found.steps == 7);
    CHECK(found.sum == doctest::Approx(expected.sum).epsilon(1e-5));
    for (const char* name : {"conv1.weight", "fc3.weight", "fc1.bias"}) {
      const auto w = whole.params().read_floats(name), v = parts.params().read_floats(name);
      double worst = 0;
      for (std::size_t i = 0; i < w.size(); ++i)
        worst = std::max(worst, std::abs(static_cast<double>(w[i]) - static_cast<double>(v[i])));
      CHECK(worst < 1e-5);
    }
    CHECK(trainer.describe(7).size() > 10);
  }
}

TEST_CASE("averages of the weights follow them and can be evaluated") {
  const SyntheticImages data(45);
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    ImageClassifier network(*device, model_for(data), 1);
    CHECK_THROWS_WITH_AS(network.evaluate(data, 45, Weights::averaged),
                         doctest::Contains("conv1.weight.ema"), Error);
    Trainer trainer(network, {.lr = 0.5, .momentum = 0, .ema = 0.75});
    const ClassifierEvaluation before = network.evaluate(data);
    CHECK(network.evaluate(data, 250, Weights::averaged).loss == before.loss);
    auto expected = network.params().read_floats("fc3.bias");
    for (int step = 0; step < 4; ++step) {
      train_steps(trainer, data, step, step + 1);
      const auto w = network.params().read_floats("fc3.bias");
      for (std::size_t i = 0; i < w.size(); ++i) expected[i] = 0.75f * expected[i] + 0.25f * w[i];
    }
    const auto found = network.params().read_floats("fc3.bias.ema");
    for (std::size_t i = 0; i < found.size(); ++i)
      CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-5));
    CHECK(network.evaluate(data, 250, Weights::averaged).loss != network.evaluate(data).loss);
  }
}

TEST_CASE("weights decay, biases do not unless asked to") {
  const SyntheticImages data(8);
  const auto device = open_device("cpu");
  const auto change = [&](const char* name, double decay, bool all) {
    ImageClassifier network(*device, model_for(data), 1);
    Trainer trainer(network, {.lr = 0.1, .weight_decay = decay, .decay_all = all});
    train_steps(trainer, data, 0, 1);
    return network.params().read_floats(name);
  };
  CHECK(change("fc1.bias", 0.5, false) == change("fc1.bias", 0, false));
  CHECK(change("fc1.bias", 0.5, true) != change("fc1.bias", 0, false));
  CHECK(change("fc1.weight", 0.5, false) != change("fc1.weight", 0, false));
}

TEST_CASE("a schedule sets the rate of each step") {
  const SyntheticImages data(8);
  const auto device = open_device("cpu");
  ImageClassifier network(*device, model_for(data), 1);
  // Nothing is left of the learning rate after two steps.
  Trainer trainer(network, {.lr = 0.1, .schedule = {.kind = Schedule::polynomial, .steps = 2}});
  const auto start = weights(network);
  train_steps(trainer, data, 0, 2);
  const auto moved = network.params().read("fc3.weight");
  CHECK(moved != start.at("fc3.weight"));
  train_steps(trainer, data, 2, 3);
  CHECK(network.params().read("fc3.weight") == moved);
}

TEST_CASE("a loss that is not finite names its step") {
  const SyntheticImages data(45);
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    ImageClassifier network(*device, model_for(data), 1);
    Trainer trainer(network, {.lr = 0.01, .momentum = 0.9});
    train_steps(trainer, data, 0, 2);
    trainer.set_lr(1e30);
    train_steps(trainer, data, 2, 6);
    // Step 3 has a finite loss and ruins the weights; step 4 shows it.
    CHECK_THROWS_WITH_AS(trainer.take_losses(), doctest::Contains("step 4"), NotFinite);
    const TemporaryFile file;
    const std::vector<float> ruined(4, NAN);
    network.params().write("fc3.bias", std::as_bytes(std::span(ruined)));
    CHECK_THROWS_WITH_AS(save_checkpoint(file.path(), network), doctest::Contains("not written"),
                         Error);
    CHECK_FALSE(std::filesystem::exists(file.path()));
  }
}

TEST_CASE("a checkpoint gives back the network, on the same and on another device") {
  const SyntheticImages data(45);
  const TemporaryFile file;
  const auto device = open_device("cpu");
  ImageClassifier network(*device, model_for(data), 5);
  Trainer trainer(network);
  train_steps(trainer, data, 0, 9);
  const TrainingState state{"made-up", 3, batch, {.lr = 0.1, .momentum = 0.8}, 9, 1, 2, 4.5};
  save_checkpoint(file.path(), network, state);
  const Checkpoint checkpoint = read_checkpoint(file.path());
  CHECK(checkpoint.model == "tutorial");
  CHECK(checkpoint.classes == data.classes());
  CHECK(checkpoint.input.height == 28);
  CHECK(checkpoint.input.options.padding == 2);
  CHECK(checkpoint.training.data == "made-up");
  CHECK(checkpoint.training.seed == 3);
  CHECK(checkpoint.training.batch == batch);
  CHECK(checkpoint.training.options.lr == 0.1);
  CHECK(checkpoint.training.options.momentum == 0.8);
  CHECK(checkpoint.training.epoch == 1);
  CHECK(checkpoint.training.batch_in_epoch == 2);
  CHECK(checkpoint.training.epoch_loss_sum == 4.5);
  const ClassifierEvaluation expected = network.evaluate(data);
  for (const auto& other : open_usable_devices()) {
    CAPTURE(other->info().id);
    const auto loaded = load_network(*other, checkpoint);
    const ClassifierEvaluation found = loaded->evaluate(data, 11);
    CHECK(found.loss == doctest::Approx(expected.loss).epsilon(1e-5));
    CHECK(found.accuracy == expected.accuracy);
  }
}

TEST_CASE("a checkpoint that does not fit is refused whole") {
  const SyntheticImages data(8);
  const auto device = open_device("cpu");
  const TemporaryFile file;
  ImageClassifier network(*device, model_for(data), 5);
  save_checkpoint(file.path(), network);
  Checkpoint checkpoint = read_checkpoint(file.path());

  SUBCASE("a tensor is missing, one is foreign, one has another shape") {
    checkpoint.file.tensors.erase("fc3.bias");
    checkpoint.file.tensors["fc4.bias"] = checkpoint.file.tensors["fc2.bias"];
    checkpoint.file.tensors["fc2.bias"].spec.shape = {42, 2};
    ImageClassifier other(*device, model_for(data), 6);
    const auto before = weights(other);
    CHECK_THROWS_WITH_AS(
        restore(checkpoint, other),
        "[checkpoint] does not fit model 'tutorial': 'fc2.bias' is f32[42,2], expected f32[84]; "
        "'fc3.bias' is missing; 'fc4.bias' is unexpected",
        Error);
    CHECK(weights(other) == before);
  }
  SUBCASE("safetensors without Tessera's metadata") {
    write_safetensors(file.path(), {.metadata = {}, .tensors = checkpoint.file.tensors});
    CHECK_THROWS_WITH_AS(read_checkpoint(file.path()), doctest::Contains("expected a checkpoint"),
                         Error);
  }
  SUBCASE("damaged metadata") {
    checkpoint.file.metadata["training"] = "{\"step\": ";
    write_safetensors(file.path(), checkpoint.file);
    CHECK_THROWS_WITH_AS(read_checkpoint(file.path()), doctest::Contains("damaged metadata"),
                         Error);
  }
  SUBCASE("a number that is not one, out of range or not finite") {
    const std::string good = checkpoint.file.metadata["training"];
    const std::pair<const char*, const char*> changes[] = {
        {R"("batch":0)", R"("batch":-1)"},  {R"("epoch":0)", R"("epoch":1e300)"},
        {R"("epoch":0)", R"("epoch":0.5)"}, {R"("step":0)", R"("step":9223372036854775807)"},
        {R"("seed":0)", R"("seed":-1)"},    {R"("lr":0.0)", R"("lr":"fast")"},
        {R"("batch_in_epoch":0,)", ""}};
    for (const auto& change : changes) {
      const auto [from, to] = change;
      CAPTURE(change.second);
      std::string changed = good;
      REQUIRE(changed.find(from) != std::string::npos);
      changed.replace(changed.find(from), std::string(from).size(), to);
      checkpoint.file.metadata["training"] = changed;
      write_safetensors(file.path(), checkpoint.file);
      CHECK_THROWS_WITH_AS(read_checkpoint(file.path()), doctest::Contains("damaged metadata"),
                           Error);
    }
    checkpoint.file.metadata["training"] = good;
    auto& bytes = checkpoint.file.tensors["fc1.bias"].bytes;
    std::fill(bytes.begin() + 4, bytes.begin() + 8, std::byte{0xFF});
    write_safetensors(file.path(), checkpoint.file);
    CHECK_THROWS_WITH_AS(read_checkpoint(file.path()), doctest::Contains("'fc1.bias' has"), Error);
  }
  SUBCASE("a momentum buffer is missing when training goes on") {
    ImageClassifier other(*device, model_for(data), 6);
    const Trainer trainer(other);
    CHECK_THROWS_WITH_AS(restore(checkpoint, other),
                         doctest::Contains("'conv1.bias.momentum' is missing"), Error);
  }
}

TEST_CASE("models and data that do not fit each other are refused") {
  const auto device = open_device("cpu");
  const SyntheticImages data(8), large(8, 32);
  ImageClassifier network(*device, model_for(data));
  CHECK_THROWS_WITH_AS(network.evaluate(large),
                       "[data] images are 32x32x1, expected 28x28x1 as in model 'tutorial'", Error);
  CHECK_THROWS_WITH_AS(make_model("tutorials", {28, 28, 1, {}}, {"a"}),
                       doctest::Contains("there is no model 'tutorials'; there are: tutorial, "),
                       Error);
  CHECK_THROWS_WITH_AS(make_model("tutorial", {28, 30, 1, {}}, {"a"}),
                       doctest::Contains("images are 28x30"), Error);
  ImageModel unbuilt = model_for(data);
  unbuilt.build = nullptr;
  CHECK_THROWS_WITH_AS(ImageClassifier(*device, unbuilt),
                       "[model] 'tutorial' has no build function", Error);
  Trainer trainer(network);
  Batch short_batch = image_batch({28, 28, 1}, std::vector<std::uint8_t>(2 * 784), {{0, 1}});
  short_batch.tensors[0].bytes.pop_back();
  CHECK_THROWS_WITH_AS(trainer.step(short_batch),
                       "[train] 'image' of a batch of 2 samples has 1567 bytes, expected 784 per "
                       "sample",
                       Error);
  ImageModel wrong = model_for(data);
  wrong.classes.push_back("e");
  CHECK_THROWS_WITH_AS(ImageClassifier(*device, wrong),
                       doctest::Contains("has 4 classes, but the data has 5"), Error);
}

}  // namespace tessera

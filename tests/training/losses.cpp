// The losses of a training against the same in doubles, whose gradients are differences.
#include <doctest/doctest.h>

#include <cmath>

#include "tessera/checkpoint.h"
#include "tessera/error.h"
#include "tessera/layers.h"
#include "tessera/models.h"
#include "tessera/trainer.h"
#include "tests/devices.h"
#include "tests/refusal.h"
#include "tests/training/runs.h"
#include "tests/training/synthetic.h"

namespace tessera {
namespace {

constexpr std::size_t classes = 4, pixels = 9, images = 7;

/// Logits are the pixels times a matrix, plus a bias.
ImageModel linear(const ImageDataset& data, Loss loss) {
  return {"linear",
          {data.height(), data.width(), data.channels(), {}},
          data.classes(),
          [](Var x) { return layers::dense(flatten(x), "fc", classes); },
          loss};
}

TrainerOptions bent(const LossOptions& loss, double lr) {
  TrainerOptions options;  // an initializer list that copies vectors is more than GCC 12 can follow
  options.lr = lr;
  options.momentum = 0;
  options.loss = loss;
  return options;
}

using Doubles = std::vector<double>;

struct Oracle {
  Batch batch;
  Loss loss = Loss::cross_entropy;
  LossOptions options = {};

  /// Logits [images, classes].
  Doubles logits(const std::vector<float>& w, const Doubles& b) const {
    Doubles z;
    for (std::size_t n = 0; n < images; ++n)
      for (std::size_t k = 0; k < classes; ++k) {
        double sum = b[k];
        for (std::size_t p = 0; p < pixels; ++p)
          sum += batch.values<std::uint8_t>("image")[n * pixels + p] / 255.0 *
                 static_cast<double>(w[k * pixels + p]);
        z.push_back(sum);
      }
    return z;
  }

  static Doubles probabilities(Loss loss, Doubles z) {
    for (std::size_t n = 0; n < z.size(); n += classes) {
      double sum = 0;
      for (std::size_t k = n; k < n + classes; ++k) sum += std::exp(z[k]);
      for (std::size_t k = n; k < n + classes; ++k)
        z[k] = loss == Loss::bce ? 1 / (1 + std::exp(-z[k])) : std::exp(z[k]) / sum;
    }
    return z;
  }

  double operator()(const std::vector<float>& w, const Doubles& b) const {
    const Doubles p = probabilities(loss, logits(w, b));
    double sum = 0, divisor = 0;
    for (std::size_t n = 0; n < images; ++n) {
      const auto label = static_cast<std::size_t>(batch.values<std::int32_t>("label")[n]);
      divisor += options.class_weights.empty() ? 1 : options.class_weights[label];
      for (std::size_t k = 0; k < classes; ++k) {
        const double e = options.label_smoothing, y = (k == label ? 1 - e : 0) + e / classes;
        const double weight = options.class_weights.empty() ? 1 : options.class_weights[k];
        const double q = p[n * classes + k];
        sum -= weight * y * std::log(q);
        if (loss == Loss::bce) sum -= (1 - y) * std::log(1 - q);
      }
    }
    return sum / (loss == Loss::bce ? classes * divisor : divisor);
  }

  Doubles gradient(const std::vector<float>& w, const Doubles& b) const {
    Doubles slopes;
    for (std::size_t k = 0; k < classes; ++k) {
      Doubles above = b, below = b;
      above[k] += 1e-5;
      below[k] -= 1e-5;
      slopes.push_back(((*this)(w, above) - (*this)(w, below)) / 2e-5);
    }
    return slopes;
  }
};

Batch first_batch(const ImageDataset& data) {
  Loader loader(data, {.batch = images});
  return *loader.next();
}

Doubles bias_of(const ImageClassifier& network) {
  const auto b = network.params().read_floats("fc.bias");
  return {b.begin(), b.end()};
}

}  // namespace

TEST_CASE("losses and their gradients are those of the formulas") {
  const SyntheticImages data(images, 3);
  const Oracle all[] = {
      {first_batch(data)},
      {first_batch(data), Loss::cross_entropy, {.label_smoothing = 0.3}},
      {first_batch(data), Loss::cross_entropy, {.class_weights = {1, 0.25, 3, 2}}},
      {first_batch(data), Loss::cross_entropy, {0.1, {0.5, 2, 3, 1}}},
      {first_batch(data), Loss::bce},
      {first_batch(data), Loss::bce, {.label_smoothing = 0.2}},
  };
  for (const auto& device : open_usable_devices())
    for (const Oracle& oracle : all) {
      CAPTURE(device->info().id);
      CAPTURE(to_string(oracle.loss));
      CAPTURE(oracle.options.label_smoothing);
      ImageClassifier network(*device, linear(data, oracle.loss), 3);
      const auto w = network.params().read_floats("fc.weight");
      const Doubles b = bias_of(network);
      Trainer trainer(network, bent(oracle.options, 1));
      // What is tested is neither smoothed nor weighted.
      const Oracle plain = {oracle.batch, oracle.loss};
      CHECK(network.evaluate(data).loss == doctest::Approx(plain(w, b)).epsilon(1e-5));
      const auto found = network.predict(oracle.batch.values<std::uint8_t>("image"), images);
      const Doubles expected = Oracle::probabilities(oracle.loss, oracle.logits(w, b));
      for (std::size_t i = 0; i < found.size(); ++i)
        CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-5));

      trainer.step(oracle.batch);
      CHECK(trainer.take_losses().mean() == doctest::Approx(oracle(w, b)).epsilon(1e-5));
      const Doubles slopes = oracle.gradient(w, b), after = bias_of(network);
      for (std::size_t k = 0; k < classes; ++k)
        CHECK(b[k] - after[k] == doctest::Approx(slopes[k]).epsilon(1e-4));
    }
}

TEST_CASE("mixed labels are targets of binary cross-entropy too") {
  const SyntheticImages data(45);
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    ImageModel model = make_model("tutorial", {28, 28, 1, {}}, data.classes());
    model.loss = Loss::bce;
    ImageClassifier network(*device, model, 1);
    Trainer trainer(network, {.lr = 0.1, .augment = {.mixup = 0.2}});
    train_steps(trainer, data, 0, 150);
    CHECK(network.evaluate(data).accuracy > 0.9);
  }
}

TEST_CASE("a checkpoint keeps the loss and what bends it") {
  const SyntheticImages data(45);
  const TemporaryFile file;
  const auto device = open_device("cpu");
  ImageModel model = make_model("tutorial", {28, 28, 1, {}}, data.classes());
  model.loss = Loss::bce;
  ImageClassifier network(*device, model, 1);
  const TrainerOptions options = {.loss = {.label_smoothing = 0.1}};
  save_checkpoint(file.path(), network, {.data = "made-up", .options = options});
  const Checkpoint checkpoint = read_checkpoint(file.path());
  CHECK(checkpoint.training.options.loss == options.loss);
  CHECK(load_network(*device, checkpoint)->model().loss == Loss::bce);
  const Batch seven = first_batch(data);
  CHECK(load_network(*device, checkpoint)->predict(seven.values<std::uint8_t>("image"), images) ==
        network.predict(seven.values<std::uint8_t>("image"), images));
}

TEST_CASE("losses that make no sense are refused") {
  const SyntheticImages data(images, 3);
  const auto device = open_device("cpu");
  const auto refused = [&](Loss loss, const LossOptions& options) {
    return refusal([&] {
      ImageClassifier network(*device, linear(data, loss));
      Trainer trainer(network, bent(options, 0.01));
      trainer.step(first_batch(data));
    });
  };
  CHECK(refused(Loss::bce, {.class_weights = {1, 1, 1, 2}}) ==
        "[class_weights] need the loss cross-entropy, found bce");
  CHECK(refused(Loss::cross_entropy, {.class_weights = {1, 2}}) ==
        "[class_weights] are 2, expected 4, one for each class");
  CHECK(refused(Loss::cross_entropy, {.class_weights = {1, 2, -1, 1}}) ==
        "[train] class_weights is -1, expected numbers of at least 0");
  CHECK(refused(Loss::cross_entropy, {.label_smoothing = 2}) ==
        "[train] label_smoothing is 2, expected 0 to 1");
  CHECK(refusal([&] { loss_of("hinge"); }) ==
        "[loss] there is no 'hinge'; there are: cross-entropy, bce");
}

}  // namespace tessera

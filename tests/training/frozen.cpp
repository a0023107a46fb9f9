// Parameters that a training leaves as they are.
#include <doctest/doctest.h>

#include "tessera/layers.h"
#include "tessera/trainer.h"
#include "tests/devices.h"
#include "tests/refusal.h"
#include "tests/training/runs.h"
#include "tests/training/synthetic.h"

namespace tessera {
namespace {

/// The loss does not depend on "limit".
ImageModel model_for(const ImageDataset& data) {
  const auto build = [](Var x) {
    const Var y = layers::batch_norm2d(layers::conv2d(x, "conv", 3, 5, {.bias = false}), "bn");
    const Var limit = x.graph().parameter("limit", {3}, init::constant(0.1));
    return layers::dense(flatten(max_pool2d(where(greater(y, limit), y, mul(y, 0.1)))), "fc", 4);
  };
  return {"net", {data.height(), data.width(), data.channels(), {}}, data.classes(), build};
}

/// The names of what some steps change, and the loss of the first.
struct Run {
  std::vector<std::string> changed;
  double first_loss, evaluated;  ///< before the first step
};

Run run(Device& device, const ImageDataset& data, TrainerOptions options) {
  ImageClassifier network(device, model_for(data), 1);
  const std::vector<float> means = {0.1f, -0.2f, 0.3f};
  network.params().write("bn.running_mean", std::as_bytes(std::span(means)));
  Run result{{}, 0, network.evaluate(data, 32).loss};
  options.weight_decay = 0.1;
  options.ema = 0.5;
  Trainer trainer(network, options);
  const Bytes before = weights(network);
  Loader loader(data, {.batch = 32});
  const Batch batch = *loader.next();
  trainer.step(batch);
  result.first_loss = trainer.take_losses().mean();
  trainer.step(batch);
  trainer.take_losses();
  for (const auto& [name, bytes] : weights(network))
    if (bytes != before.at(name)) result.changed.push_back(name);
  return result;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("frozen parameters keep their values, and frozen norms their statistics") {
  const SyntheticImages data(32, 12);
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    const Run head = run(*device, data, {.train_only = {"fc.*"}});
    CHECK(head.changed == Names{"fc.bias", "fc.bias.ema", "fc.bias.momentum", "fc.weight",
                                "fc.weight.ema", "fc.weight.momentum", "step"});
    CHECK(head.first_loss == doctest::Approx(head.evaluated).epsilon(1e-4));
    const Run body = run(*device, data, {.parts = 2, .freeze = {"fc.*", "bn.w*"}});
    CHECK(body.changed == Names{"bn.bias", "bn.bias.ema", "bn.bias.momentum", "bn.running_mean",
                                "bn.running_var", "conv.weight", "conv.weight.ema",
                                "conv.weight.momentum", "step"});
    CHECK(body.first_loss != doctest::Approx(body.evaluated).epsilon(1e-4));
  }
}

TEST_CASE("what a training does with each parameter is listed") {
  const SyntheticImages data(32, 12);
  const ParameterUse use = parameter_use(image_task(model_for(data)), {.freeze = {"conv.*"}});
  CHECK(use.trained == Names{"bn.weight", "bn.bias", "fc.weight", "fc.bias"});
  CHECK(use.frozen == Names{"conv.weight"});
  CHECK(use.unreached == Names{"limit"});
  CHECK(refusal([&] {
          parameter_use(image_task(model_for(data)), {.train_only = {"fd.*"}});
        }).starts_with("[train_only] no parameter matches 'fd.*'; similar names: fc.weight"));
}

}  // namespace tessera

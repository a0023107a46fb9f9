// A training of a few steps that needs several arenas on a device that allows small allocations
// only.
#pragma once

#include <doctest/doctest.h>

#include "tessera/models.h"
#include "tests/training/runs.h"
#include "tests/training/synthetic.h"

namespace tessera {

inline constexpr std::size_t small_allocation = std::size_t{64} << 20;

struct SmallTraining {
  Bytes weights;
  std::size_t arenas = 0;  ///< of the plan of a step
  std::size_t largest = 0;
};

/// Trains ResNet-20 for two steps of 96 images.
inline SmallTraining train_with_large_batches(Device& device) {
  constexpr std::int64_t images = 96;
  const SyntheticImages data(2 * images, 32);
  ImageClassifier network(device, make_model("resnet20", {32, 32, 1, {}}, data.classes()), 1);
  Trainer trainer(network, {.lr = 0.05, .momentum = 0.9});
  const Plan plan(trainer.graphs(images).front(), device.plan_options());
  Loader loader(data, {.batch = images});
  while (const Batch* next = loader.next()) trainer.step(*next);
  CHECK(trainer.take_losses().steps == 2);
  return {weights(network), plan.arenas().size(),
          *std::max_element(plan.arenas().begin(), plan.arenas().end())};
}

/// Checks that both devices train the same weights, the second one with several arenas.
inline void check_same_training(Device& device, Device& limited) {
  const SmallTraining whole = train_with_large_batches(device);
  const SmallTraining parts = train_with_large_batches(limited);
  CHECK(whole.arenas == 1);
  CHECK(whole.largest > 2 * small_allocation);
  CHECK(parts.arenas > 2);
  CHECK(parts.largest <= small_allocation);
  CHECK(parts.weights == whole.weights);
}

}  // namespace tessera

// Memory in use, that of devices which are this machine's processors included, does not grow.
#include <doctest/doctest.h>
#include <malloc.h>

#include <functional>

#include "tessera/layers.h"
#include "tessera/trainer.h"
#include "tests/devices.h"
#include "tests/training/runs.h"
#include "tests/training/synthetic.h"

namespace tessera {
namespace {

/// Bytes that were allocated and not freed, by the C library in all threads.
std::int64_t bytes_in_use() {
  const auto info = mallinfo2();
  return static_cast<std::int64_t>(info.uordblks + info.hblkhd);
}

// What OpenCL implementations keep for themselves: pools of events, and clang the names of its
// files. One object of OpenCL for each step or device would be more.
constexpr double kept_by_steps = 50;
constexpr double kept_by_devices = 64 * 1024;

/// Bytes that each of `times` calls left behind, after some that fill caches.
double growth(int times, const std::function<void()>& call) {
  for (int i = 0; i < times / 5; ++i) call();
  const std::int64_t before = bytes_in_use();
  for (int i = 0; i < times; ++i) call();
  return static_cast<double>(bytes_in_use() - before) / times;
}

const SyntheticImages images(45, 12);

ImageModel small_model() {
  return {"made up", {12, 12, 1, {}}, images.classes(), [](Var x) {
            x = layers::batch_norm2d(layers::conv2d(x, "conv", 6, 3), "bn");
            return layers::dense(flatten(max_pool2d(relu(x))), "fc", 4);
          }};
}

/// A network of its own, trained and asked.
void use(Device& device) {
  ImageClassifier network(device, small_model());
  Trainer trainer(network);
  train_steps(trainer, images, 0, 1);
  const auto values = weights(network);
}

}  // namespace

TEST_CASE("1000 steps leave no memory behind") {
  for (const auto& device : open_usable_devices()) {
    INFO("device: ", device->info().id);
    ImageClassifier network(*device, small_model());
    Trainer trainer(network);
    std::int64_t step = 0;
    CHECK(growth(1000, [&] {
            train_steps(trainer, images, step, step + 1);
            ++step;
            device->finish();  // steps that are not done hold memory
          }) < kept_by_steps);
  }
}

TEST_CASE("networks leave no memory behind") {
  for (const auto& device : open_usable_devices()) {
    INFO("device: ", device->info().id);
    CHECK(growth(30, [&] { use(*device); }) < 1000);
  }
}

TEST_CASE("devices leave no memory behind") {
  for (const auto& opened : open_usable_devices()) {
    const std::string id = opened->info().id;
    INFO("device: ", id);
    CHECK(growth(20, [&] { use(*open_device(id)); }) < kept_by_devices);
  }
}

}  // namespace tessera

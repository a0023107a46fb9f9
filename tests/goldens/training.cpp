// A hundred steps of training along the losses that PyTorch found (see make_training_goldens.py),
// on each device.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "tessera/models.h"
#include "tessera/safetensors.h"
#include "tessera/trainer.h"
#include "tests/devices.h"

namespace tessera {
namespace {

template <typename T>
std::vector<T> numbers(const TensorFile& file, const std::string& name) {
  const TensorFile::Tensor& tensor = file.tensors.at(name);
  std::vector<T> result(static_cast<std::size_t>(tensor.spec.elements()));
  REQUIRE(tensor.bytes.size() == result.size() * sizeof(T));
  std::copy(tensor.bytes.begin(), tensor.bytes.end(),
            std::as_writable_bytes(std::span(result)).begin());
  return result;
}

std::vector<Batch> make_batches(const Dataset& data, const TensorFile& file) {
  const auto size = static_cast<std::size_t>(file.tensors.at("batches").spec.dim(1));
  const auto image = static_cast<std::size_t>(data.image_bytes());
  std::vector<Batch> batches;
  std::size_t place = 0;
  for (std::int32_t index : numbers<std::int32_t>(file, "batches")) {
    if (place % size == 0)
      batches.push_back({static_cast<std::int64_t>(size), std::vector<std::uint8_t>(size * image),
                         std::vector<std::int32_t>(size)});
    Batch& batch = batches.back();
    batch.labels[place % size] =
        data.read(index, std::span(batch.images).subspan(place % size * image, image));
    ++place;
  }
  return batches;
}

/// The generator of initial weights was written a second time in Python.
void check_initial_weights(const Network& network, const TensorFile& file) {
  for (const auto& entry : network.params().entries()) {
    const std::string& name = entry.first;
    const auto found = network.params().read_floats(name), expected = numbers<float>(file, name);
    INFO(name);
    CHECK(std::equal(expected.begin(), expected.end(), found.begin()));
  }
}

void follow(Device& device, const Dataset& data, const TensorFile& file) {
  const auto expected = numbers<float>(file, "losses");
  Network network(
      device,
      make_model("tutorial", {data.height(), data.width(), data.channels(), {}}, data.classes()),
      std::stoull(file.metadata.at("seed")));
  check_initial_weights(network, file);
  Trainer trainer(network, {.lr = std::stod(file.metadata.at("lr")),
                            .momentum = std::stod(file.metadata.at("momentum"))});
  double worst = 0;
  std::size_t step = 0, worst_step = 0;
  for (const Batch& batch : make_batches(data, file)) {
    trainer.step(batch);
    const double wanted = static_cast<double>(expected.at(step));
    const double error = std::abs(trainer.take_losses().mean() - wanted) / wanted;
    if (!(error <= worst)) {
      worst = error;
      worst_step = step;
    }
    ++step;
  }
  REQUIRE(step == expected.size());
  CHECK_MESSAGE(worst <= 1e-5, "step " << worst_step << " is off by " << worst << " of the loss");
}

void follow_everywhere(const char* golden, const std::string& folder) {
  const TensorFile file = read_safetensors(std::string(TESSERA_GOLDENS "/") + golden);
  const auto data = load_dataset(file.metadata.at("dataset"), Split::train, folder);
  for (const auto& device : open_usable_devices()) {
    INFO("device: ", device->info().id, " (", device->info().name, ")");
    CHECK_NOTHROW(follow(*device, *data, file));
  }
}

}  // namespace

TEST_CASE("fashion-mnist") {
  if (!std::getenv("TESSERA_DATA") && !std::filesystem::exists("/usr/share/datasets/fashion-mnist"))
    return skip_program("Fashion-MNIST is not installed (Debian: dataset-fashion-mnist)");
  follow_everywhere("tutorial_fashion_mnist.safetensors", "");
}

TEST_CASE("cifar10") {
  const char* folder = std::getenv("TESSERA_CIFAR10_DIR");
  if (!folder) return skip_program("the environment variable TESSERA_CIFAR10_DIR names no folder");
  follow_everywhere("tutorial_cifar10.safetensors", folder);
}

}  // namespace tessera

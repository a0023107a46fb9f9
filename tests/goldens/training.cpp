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

std::vector<Batch> make_batches(const ImageDataset& data, const TensorFile& file) {
  const auto size = static_cast<std::size_t>(file.tensors.at("batches").spec.dim(1));
  const auto bytes = static_cast<std::size_t>(data.image_bytes());
  const auto indices = numbers<std::int32_t>(file, "batches");
  std::vector<std::uint8_t> images(size * bytes);
  std::vector<std::int32_t> labels(size);
  std::vector<Batch> batches;
  for (std::size_t first = 0; first < indices.size(); first += size) {
    for (std::size_t i = 0; i < size; ++i)
      labels[i] = data.read(indices[first + i], std::span(images).subspan(i * bytes, bytes));
    batches.push_back(image_batch({data.height(), data.width(), data.channels()}, images, labels));
  }
  return batches;
}

/// The generator of initial weights was written a second time in Python.
void check_initial_weights(const ImageClassifier& network, const TensorFile& file) {
  for (const auto& entry : network.params().entries()) {
    const std::string& name = entry.first;
    const auto found = network.params().read_floats(name), expected = numbers<float>(file, name);
    INFO(name);
    CHECK(std::equal(expected.begin(), expected.end(), found.begin()));
  }
}

void follow(Device& device, const ImageDataset& data, const TensorFile& file) {
  const auto expected = numbers<float>(file, "losses");
  ImageClassifier network(
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

// Segmentation: a U-Net gives each pixel of an image a class: background, disk or square.
// usage: segmentation
// Draws its own images, checks the gradients, trains, and prints the share of pixels of new images
// that get the right class.
#include <tessera/tessera.h>

#include <cmath>
#include <cstdio>
#include <random>

using namespace tessera;

constexpr std::int64_t side = 24, classes = 3;

// Gray images of noise with a bright disk and a bright square, and the class of each pixel.
TensorDataset make_data(std::int64_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> pixels;
  std::vector<std::int32_t> labels;
  const auto below = [&](int limit) { return static_cast<int>(random() % unsigned(limit)); };
  for (std::int64_t i = 0; i < size; ++i) {
    const int x = 4 + below(16), y = 4 + below(16), left = below(16), top = below(16);
    for (int h = 0; h < side; ++h)
      for (int w = 0; w < side; ++w) {
        const bool disk = std::hypot(h - y, w - x) < 5;
        const bool square = h >= top && h < top + 8 && w >= left && w < left + 8;
        labels.push_back(disk ? 1 : square ? 2 : 0);
        pixels.push_back(static_cast<float>(below(100) + (disk || square ? 100 : 0)) / 200);
      }
  }
  TensorDataset data(size);
  data.add("image", {side, side, 1}, pixels);
  data.add("classes", {side * side}, labels);
  return data;
}

TaskGraph build(const TaskInputs& inputs) {
  Var logits = append_model("unet", inputs["image"], classes);  // [N,H,W,classes]
  logits = reshape(logits, {-1, classes});
  const Var labels = reshape(inputs["classes"], {-1});
  const Var loss = softmax_cross_entropy(logits, labels).loss;
  const Var found = argmax(logits, 1);
  return {.loss = loss, .outputs = {{"classes", reshape(found, {inputs.samples(), side, side})}}};
}

int main() try {
  const TensorDataset train = make_data(256, 1), test = make_data(64, 2);
  const Task task{"shapes", train.inputs(), build};
  const auto device = open_device();
  {
    Loader loader(train, {.batch = 2});
    // Differences across the kinks of many relus: a small step, and a large tolerance.
    const GradientCheckOptions options{.step = 1.0 / 512, .tolerance = 0.15};
    std::printf("gradients: error %.1e\n", check_gradients(*device, task, *loader.next(), options));
  }
  Network network(*device, task);
  Trainer trainer(network, {.optimizer = Optimizer::adam, .lr = 0.002});
  for (unsigned epoch = 0; epoch < 8; ++epoch) {
    Loader loader(train, {.batch = 16, .order = shuffled_order(train.size(), 0, epoch)});
    while (const Batch* batch = loader.next()) trainer.step(*batch);
    std::printf("epoch %u: loss %.3f\n", epoch + 1, trainer.take_losses().mean());
  }
  std::int64_t right = 0, pixels = 0;
  Loader loader(test, {.batch = 32});
  while (const Batch* batch = loader.next()) {
    const HostTensor found = network.predict(*batch).at("classes");
    const auto labels = batch->values<std::int32_t>("classes");
    const auto* const answers = reinterpret_cast<const std::int32_t*>(found.bytes.data());
    for (std::size_t i = 0; i < labels.size(); ++i, ++pixels) right += answers[i] == labels[i];
  }
  std::printf("on %s: %.1f %% of the pixels are right\n", device->info().name.c_str(),
              100.0 * static_cast<double>(right) / static_cast<double>(pixels));
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}

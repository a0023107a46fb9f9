// Two inputs and two losses: from an image of a disk and a viewing distance, a network tells the
// color of the disk (a class) and its true radius (a number).
// usage: two_inputs
#include <tessera/tessera.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>

using namespace tessera;

constexpr std::int64_t side = 16, colors = 3;

// A disk of radius r at distance d looks like one of radius r / d.
TensorDataset make_data(std::int64_t size, unsigned seed) {
  std::mt19937 random(seed);
  const auto number = [&](float least, float most) {
    return least + (most - least) * static_cast<float>(random() % 10001) / 10000;
  };
  std::vector<float> images, distances, radii;
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < size; ++i) {
    const float distance = number(1, 2), seen = number(2, 6);
    const auto color = static_cast<std::int32_t>(random() % colors);
    for (int h = 0; h < side; ++h)
      for (int w = 0; w < side; ++w)
        for (int c = 0; c < colors; ++c) {
          const float cover =
              std::clamp(seen - std::hypot(float(h) - 7.5f, float(w) - 7.5f) + 0.5f, 0.0f, 1.0f);
          images.push_back((c == color ? cover : 0) + number(0, 0.2f));
        }
    distances.push_back(distance);
    radii.push_back(seen * distance);
    labels.push_back(color);
  }
  TensorDataset data(size);
  data.add("image", {side, side, colors}, images);
  data.add("distance", {1}, distances);
  data.add("color", {}, labels);
  data.add("radius", {1}, radii);
  return data;
}

TaskGraph build(const TaskInputs& inputs) {
  Var x = inputs["image"];
  x = avg_pool2d(gelu(layers::conv2d(x, "conv1", 8, 3)));
  x = gelu(layers::conv2d(x, "conv2", 16, 3));
  x = concat({flatten(x), inputs["distance"]}, 1);
  x = gelu(layers::dense(x, "hidden", 64));
  const Var color = layers::dense(x, "color", colors), radius = layers::dense(x, "radius", 1);
  const CrossEntropy color_loss = softmax_cross_entropy(color, inputs["color"]);
  const Var radius_loss = mse_loss(radius, inputs["radius"]);
  return {.loss = add(color_loss.loss, mul(radius_loss, 0.1)),
          .outputs = {{"color", color_loss.probabilities}, {"radius", radius}},
          .metrics = {{"color loss", color_loss.loss}, {"radius loss", radius_loss}}};
}

int main() try {
  const TensorDataset train = make_data(1024, 1), test = make_data(256, 2);
  const Task task{"disks", train.inputs(), build};
  const auto device = open_device();
  {
    Loader loader(train, {.batch = 2});
    std::printf("gradients: error %.1e\n", check_gradients(*device, task, *loader.next()));
  }
  Network network(*device, task);
  Trainer trainer(network, {.optimizer = Optimizer::adam, .lr = 0.003});
  for (unsigned epoch = 0; epoch < 100; ++epoch) {
    Loader loader(train, {.batch = 32, .order = shuffled_order(train.size(), 0, epoch)});
    while (const Batch* batch = loader.next()) trainer.step(*batch);
    if (epoch % 10 != 9) continue;
    const LossSum losses = trainer.take_losses();  // of ten epochs
    std::printf("epoch %u: color loss %.3f, radius loss %.3f\n", epoch + 1,
                losses.mean("color loss"), losses.mean("radius loss"));
  }
  const Evaluation result = network.evaluate(test);
  std::printf("on %s: color loss %.4f, radius off by %.2f\n", device->info().name.c_str(),
              result.metrics.at("color loss"), std::sqrt(result.metrics.at("radius loss")));
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}

// Regression: learns the function z = sin(3 x) y of two inputs from 4,096 samples.
// usage: regression
// Checks the gradients, trains, and prints the root mean square error on points that were not
// trained on.
#include <tessera/tessera.h>

#include <cmath>
#include <cstdio>
#include <random>

using namespace tessera;

TensorDataset make_data(std::int64_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> points, heights;
  const auto coordinate = [&] { return static_cast<float>(random() % 2001) / 1000 - 1; };
  for (std::int64_t i = 0; i < size; ++i) {
    const float x = coordinate(), y = coordinate();
    points.insert(points.end(), {x, y});
    heights.push_back(std::sin(3 * x) * y);
  }
  TensorDataset data(size);
  data.add("point", {2}, points);
  data.add("height", {1}, heights);
  return data;
}

TaskGraph build(const TaskInputs& inputs) {
  Var x = inputs["point"];
  x = tanh(layers::dense(x, "hidden1", 64));
  x = tanh(layers::dense(x, "hidden2", 64));
  const Var height = layers::dense(x, "out", 1);
  return {.loss = mse_loss(height, inputs["height"]),
          .outputs = {{"height", height}},
          .metrics = {{"absolute error", l1_loss(height, inputs["height"])}}};
}

int main() try {
  const TensorDataset train = make_data(4096, 1), test = make_data(1024, 2);
  const Task task{"heights", train.inputs(), build};
  const auto device = open_device();
  {
    Loader loader(train, {.batch = 4});
    std::printf("gradients: error %.1e\n", check_gradients(*device, task, *loader.next()));
  }
  Network network(*device, task);
  Trainer trainer(network, {.optimizer = Optimizer::adam, .lr = 0.003});
  for (unsigned epoch = 0; epoch < 30; ++epoch) {
    Loader loader(train, {.batch = 64, .order = shuffled_order(train.size(), 0, epoch)});
    while (const Batch* batch = loader.next()) trainer.step(*batch);
  }
  const Evaluation result = network.evaluate(test);
  std::printf("on %s: root mean square error %.4f, absolute error %.4f\n",
              device->info().name.c_str(), std::sqrt(result.loss),
              result.metrics.at("absolute error"));
  save_checkpoint("heights.safetensors", network);
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}

// A custom op with its gradient and its own OpenCL kernels: y = x * sigmoid(beta * x).
// usage: custom_op FILE    FILE is custom_op.cl
// Checks the gradient on each device, then trains a network that has the op.
#include <tessera/tessera.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>

using namespace tessera;

// Shape inference: the output has the spec of the first input. Throws Error for invalid inputs.
std::vector<TensorSpec> like_first(const InferContext& context) {
  if (context.inputs.at(0).dtype != DType::f32) throw Error("x is not f32");
  return {context.inputs[0]};
}

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

// CPU implementation: computes parts of [0, count) on the threads of the device.
void swish_on_cpu(const CpuNode& node, const CpuThreads& threads) {
  const auto x = node.input(0);
  const auto y = node.output(0);
  const auto beta = static_cast<float>(node.attributes.number("beta"));
  threads(std::ssize(x), 10, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      y[i] = x[i] * sigmoid(beta * x[i]);
  });
}

void swish_dx_on_cpu(const CpuNode& node, const CpuThreads& threads) {
  const auto x = node.input(0), dy = node.input(1);
  const auto dx = node.output(0);
  const auto beta = static_cast<float>(node.attributes.number("beta"));
  threads(std::ssize(x), 10, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      const float s = sigmoid(beta * x[i]);
      dx[i] = dy[i] * (s + beta * x[i] * s * (1 - s));
    }
  });
}

// OpenCL: returns the kernels that a node launches, their arguments and numbers of work-items.
std::vector<KernelLaunch> launch_swish(const CustomNode& node) {
  const std::int64_t count = node.outputs[0].elements();
  return {{.kernel = "swish",
           .arguments = {InputBuffer{0}, OutputBuffer{0}, node.attributes.number("beta"), count},
           .global = {static_cast<std::size_t>(count), 1, 1}}};
}

std::vector<KernelLaunch> launch_swish_dx(const CustomNode& node) {
  const std::int64_t count = node.outputs[0].elements();
  return {{.kernel = "swish_dx",
           .arguments = {InputBuffer{0}, InputBuffer{1}, OutputBuffer{0},
                         node.attributes.number("beta"), count},
           .global = {static_cast<std::size_t>(count), 1, 1}}};
}

std::string read_text(const char* path) {
  std::ifstream file(path);
  if (!file) throw Error(path, "cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

const CustomOp* swish_dx = nullptr;  // for the gradient of swish

void swish_gradient(GradientContext& context) {
  const std::vector<Var> inputs = {context.input(0), context.dy()};
  context.set(0, context.graph().add(*swish_dx, inputs, context.attributes())[0]);
}

// The data that the network learns: which points are in a circle.
TensorDataset circle() {
  std::vector<float> points;
  std::vector<std::int32_t> labels;
  for (int i = 0; i < 1024; ++i) {
    const float x = static_cast<float>(i % 32) / 16 - 1, y = static_cast<float>(i / 32) / 16 - 1;
    points.insert(points.end(), {x, y});
    labels.push_back(std::hypot(x, y) < 0.7f);
  }
  TensorDataset data(1024);
  data.add("point", {2}, points);
  data.add("inside", {}, labels);
  return data;
}

int main(int argc, char** argv) try {
  if (argc != 2) throw Error("usage", "custom_op custom_op.cl");
  const std::string source = read_text(argv[1]);
  const CustomOp backward({.name = "swish_dx",
                           .infer = like_first,
                           .cpu = swish_dx_on_cpu,
                           .opencl = OpenclKernels{source, launch_swish_dx}});
  swish_dx = &backward;
  const CustomOp swish({.name = "swish",
                        .infer = like_first,
                        .gradient = swish_gradient,
                        .cpu = swish_on_cpu,
                        .opencl = OpenclKernels{source, launch_swish}});

  for (const DeviceInfo& info : list_devices()) {
    if (!info.usable) continue;
    const auto device = open_device(info.id);
    const double error = check_gradients(*device, {{"x", {DType::f32, {5, 7}}}},
                                         [&](Graph& graph, const std::vector<Var>& inputs) {
                                           return graph.add(swish, inputs, {{"beta", 1.5}})[0];
                                         });
    std::printf("gradient on %s: error %.1e\n", info.name.c_str(), error);
  }

  const auto device = open_device();
  const TensorDataset data = circle();
  const auto build = [&](const TaskInputs& inputs) -> TaskGraph {
    Var x = layers::dense(inputs["point"], "hidden", 16);
    x = x.graph().add(swish, {x}, {{"beta", 1.5}})[0];
    const auto [loss, probabilities] =
        softmax_cross_entropy(layers::dense(x, "out", 2), inputs["inside"]);
    return {.loss = loss, .outputs = {{"probabilities", probabilities}}};
  };
  Network network(*device, {"circle", data.inputs(), build});
  Trainer trainer(network, {.lr = 0.2});
  for (unsigned epoch = 0; epoch < 60; ++epoch) {
    Loader loader(data, {.batch = 64, .order = shuffled_order(data.size(), 0, epoch)});
    while (const Batch* batch = loader.next()) trainer.step(*batch);
  }
  Loader loader(data, {.batch = data.size()});
  const Batch& all = *loader.next();
  const std::vector<float> found = network.predict(all).at("probabilities").floats();
  const auto labels = all.values<std::int32_t>("inside");
  int right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) right += (found[2 * i + 1] > 0.5f) == labels[i];
  std::printf("accuracy on %s: %.1f %%\n", device->info().name.c_str(),
              100.0 * right / static_cast<double>(all.size));
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}

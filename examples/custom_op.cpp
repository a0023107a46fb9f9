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

// The data set: points inside and outside of a circle. A point is an image of one pixel whose two
// channels are its coordinates.
class Circle : public Dataset {
 public:
  std::int64_t size() const override { return 1024; }
  std::int64_t height() const override { return 1; }
  std::int64_t width() const override { return 1; }
  std::int64_t channels() const override { return 2; }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::int32_t read(std::int64_t index, std::span<std::uint8_t> pixels) const override {
    pixels[0] = static_cast<std::uint8_t>(index % 32 * 8);
    pixels[1] = static_cast<std::uint8_t>(index / 32 * 8);
    return std::hypot(pixels[0] - 128.0, pixels[1] - 128.0) < 90;
  }

 private:
  std::vector<std::string> classes_ = {"outside", "inside"};
};

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
  const Circle circle;
  Network network(*device, {"circle", {1, 1, 2, {}}, circle.classes(), [&](Var x) {
                              x = layers::dense(flatten(x), "hidden", 16);
                              x = x.graph().add(swish, {x}, {{"beta", 1.5}})[0];
                              return layers::dense(x, "out", 2);
                            }});
  Trainer trainer(network, {.lr = 0.2});
  for (unsigned epoch = 0; epoch < 60; ++epoch) {
    Loader loader(circle, {.batch = 64, .order = shuffled_order(circle.size(), 0, epoch)});
    while (const Batch* batch = loader.next()) trainer.step(*batch);
  }
  std::printf("accuracy on %s: %.1f %%\n", device->info().name.c_str(),
              100 * network.evaluate(circle).accuracy);
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}

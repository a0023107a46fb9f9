// Nets written to ONNX files and imported again give what they gave before.
#include <doctest/doctest.h>
#include <onnx/onnx_pb.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tessera/initializers.h"
#include "tessera/layers.h"
#include "tessera/models.h"
#include "tessera/onnx.h"
#include "tests/onnx/nets.h"
#include "tests/refusal.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

/// A path for a file that goes with the test.
struct Path {
  std::string name =
      (fs::temp_directory_path() / ("tessera-export-" + std::to_string(::getpid()) + ".onnx"))
          .string();
  ~Path() { fs::remove(name); }
};

/// A net of one input and one output.
NetBuilder net_of(const Shape& input, const std::function<Var(Var)>& function) {
  return [=](Graph& graph, std::int64_t batch) {
    Shape shape = input;
    shape[0] *= batch;
    graph.set_output("y", function(graph.input("x", {DType::f32, shape})));
  };
}

bool is_image(Var x) { return x.spec().rank() == 4; }

/// The imported net as it was: images have their channels last.
NetBuilder imported(const OnnxNet& net, const Shape& input) {
  return net_of(input, [net](Var x) {
    const Var y = net.append(x.graph(), {is_image(x) ? permute(x, {0, 3, 1, 2}) : x}).at(0);
    return is_image(y) ? permute(y, {0, 2, 3, 1}) : permute(y, [&] {
      std::vector<std::int64_t> axes;
      for (std::int64_t i = 0; i < y.spec().rank(); ++i) axes.push_back(i);
      return axes;
    }());
  });
}

/// Writes the net, imports it again and holds the outputs for three samples against each other.
void check_round_trip(const Shape& input, const std::function<Var(Var)>& function,
                      bool folded = true) {
  const Path path;
  const auto device = open_device("cpu");
  const NetBuilder build = net_of(input, function);
  Params params(*device);
  const Net net = random_net(build, 3, params);
  write_onnx(path.name, build, params, {.folded = folded});
  Graph again;
  const OnnxNet file(path.name);
  imported(file, input)(again, 3);
  Params weights(*device);
  weights.add(again, 0);
  const std::vector<float> found = run_net(again, weights, net.input);
  REQUIRE(found.size() == net.output.size());
  float most = 0, difference = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    REQUIRE_FALSE(std::isnan(found[i]));
    most = std::max(most, std::abs(net.output[i]));
    difference = std::max(difference, std::abs(found[i] - net.output[i]));
  }
  CHECK(difference <= 1e-5f * most);
}

onnx::ModelProto read(const std::string& path) {
  onnx::ModelProto model;
  std::ifstream file(path, std::ios::binary);
  REQUIRE(model.ParseFromIstream(&file));
  return model;
}

std::string operators_of(const onnx::ModelProto& model) {
  std::string names;
  for (const auto& node : model.graph().node()) names += node.op_type() + " ";
  return names;
}

/// The net that is written.
onnx::ModelProto written(const Shape& input, const std::function<Var(Var)>& function) {
  const Path path;
  const auto device = open_device("cpu");
  Params params(*device);
  const NetBuilder build = net_of(input, function);
  random_net(build, 1, params);
  write_onnx(path.name, build, params);
  const OnnxNet net(path.name);
  CHECK(net.inputs()[0].shape[0] == -1);
  CHECK(net.outputs()[0].shape[0] == -1);
  return read(path.name);
}

Var convolution_and_norm(Var x) {
  x = layers::conv2d(x, "conv", 6, 3, {.padding = {1, 1}, .groups = 1});
  return relu(layers::batch_norm2d(x, "norm"));
}

}  // namespace

TEST_CASE("models come back from ONNX files") {
  for (const auto& net_of_side :
       std::vector<std::pair<std::string, std::int64_t>>{{"resnet20", 16},
                                                         {"mobilenet_v2", 33},
                                                         {"vit_tiny", 16},
                                                         {"tutorial", 32},
                                                         {"squeezenet1_1", 35},
                                                         {"unet", 20},
                                                         {"efficientnet_b0", 33}}) {
    const std::string& name = net_of_side.first;
    const std::int64_t side = net_of_side.second;
    CAPTURE(name);
    const auto net = [&](Var x) { return append_model(name, x, 5); };
    for (bool folded : {true, false}) check_round_trip({1, side, side, 3}, net, folded);
  }
}

TEST_CASE("ops come back from ONNX files") {
  const auto image = [](const std::function<Var(Var)>& function) {
    check_round_trip({1, 7, 5, 4}, function);
  };
  SUBCASE("windows") {
    image([](Var x) {
      return layers::conv2d(x, "c", 6, {3, 2},
                            {.stride = {2, 1}, .padding = {1, 0}, .dilation = {2, 3}, .groups = 2});
    });
    image([](Var x) {
      return layers::conv_transpose2d(
          x, "c", 6, {3, 2},
          {.stride = {2, 3}, .padding = {1, 0}, .output_padding = {1, 2}, .groups = 2});
    });
    image([](Var x) {
      return max_pool2d(x,
                        {.kernel = {3, 2}, .stride = {2, 2}, .padding = {1, 0}, .ceil_mode = true});
    });
    image([](Var x) { return max_pool2d(x, {.kernel = {2, 2}, .dilation = {2, 3}}); });
    image([](Var x) { return concat({global_max_pool2d(x), global_avg_pool2d(x)}, 3); });
    image([](Var x) { return adaptive_max_pool2d(x, {7, 1}); });
    for (bool counted : {false, true})
      image([counted](Var x) {
        return avg_pool2d(
            x,
            {.kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 0}, .count_include_pad = counted});
      });
    image([](Var x) { return avg_pool2d(x, {.kernel = {2, 2}, .ceil_mode = true}); });
    image([](Var x) { return adaptive_avg_pool2d(x, {3, 4}); });
  }
  SUBCASE("resizing and padding") {
    image([](Var x) { return resize(x, {10, 3}); });
    image([](Var x) { return resize(x, {9, 11}, {.mode = Interpolation::bilinear}); });
    image([](Var x) {
      return resize(x, {9, 11}, {.mode = Interpolation::bilinear, .align_corners = true});
    });
    image([](Var x) { return resize_by(x, {1.5, 2.25}, {.mode = Interpolation::bilinear}); });
    for (PadMode mode : {PadMode::reflect, PadMode::replicate, PadMode::circular})
      image([mode](Var x) { return pad(x, {{0, 0}, {2, 1}, {0, 3}, {0, 0}}, mode); });
    image([](Var x) { return pad(x, {{0, 0}, {2, -1}, {-1, 3}, {0, 1}}, 0.5); });
  }
  SUBCASE("norms") {
    image([](Var x) { return layers::layer_norm(x, "n"); });
    image([](Var x) { return layers::layer_norm(x, "n", 3); });
    image([](Var x) { return layers::layer_norm(x, "n", 2, {.affine = false}); });
    image([](Var x) { return layers::group_norm(x, "n", 2); });
    image([](Var x) { return layers::instance_norm(x, "n"); });
    image([](Var x) { return layers::instance_norm(x, "n", {.affine = true}); });
    image([](Var x) { return layers::batch_norm2d(x, "n"); });
    image([](Var x) { return layers::batch_norm2d(reshape(x, {x.shape()[0], 140}), "n"); });
    image([](Var x) { return softmax(log_softmax(x, 1), 3); });
  }
  SUBCASE("elements") {
    image([](Var x) {
      Var y = add(relu(x), relu6(mul(x, 9)));
      for (Var (*function)(Var, std::string) : {gelu, gelu_tanh, silu, hardswish, hardsigmoid,
                                                sigmoid, tanh, mish, erf, abs, neg, square, exp})
        y = add(y, function(x, ""));
      return y;
    });
    image([](Var x) { return add(leaky_relu(x, 0.2), add(elu(x, 0.7), softplus(x, 2, 20))); });
    image([](Var x) {
      const Var y = add(abs(x), 0.1);
      return add(log(y), add(sqrt(y), add(rsqrt(y), pow(y, 1.7))));
    });
    image([](Var x) { return where(greater(x, clamp(x, -0.2, 0.3)), div(x, 2), sub(x, 1)); });
    image([](Var x) {
      const Var zero = x.graph().constant({}, 0);
      return add(add(less(x, zero), less_equal(x, zero)),
                 add(greater_equal(x, zero), add(equal(x, zero), not_equal(x, zero))));
    });
    image([](Var x) {
      const Var slope = x.graph().parameter("slope", {4}, init::constant(0.3));
      const Var place = x.graph().parameter("place", {7, 1, 4}, init::normal());
      return prelu(minimum(maximum(x, place), mean(x, {1, 2}, {.keepdim = true})), slope);
    });
    image([](Var x) { return mul(x, amax(x, {0, 1, 2})); });  // of another rank
  }
  SUBCASE("reductions and movements") {
    image([](Var x) {
      return concat({sum(x, {1}, {.keepdim = true}), amin(x, {1}, {.keepdim = true}),
                     norm(x, 2, {1}, {.keepdim = true}), norm(x, 1, {1}, {.keepdim = true})},
                    1);
    });
    image([](Var x) { return cast(argmax(x, 3, {.keepdim = true}), DType::f32); });
    image([](Var x) { return pixel_shuffle(flip(slice(x, 1, 1, 6, 2), {2}), 2); });
    image([](Var x) { return flatten(permute(x, {0, 2, 3, 1})); });
    image([](Var x) { return matmul(x, x, {.transpose_b = true}); });
    image([](Var x) { return layers::dense(permute(x, {0, 3, 1, 2}), "d", 3); });
    image([](Var x) {
      const Var token = x.graph().parameter("token", {1, 1, 4}, init::normal());
      const Var tokens = reshape(x, {x.shape()[0], 35, 4});
      return concat({expand(token, {x.shape()[0], 1, 4}), tokens}, 1);
    });
    image([](Var x) {  // a batch that a dimension is put into
      const Var parts = reshape(x, {x.shape()[0] * 7, 5, 4});
      const Var w = x.graph().parameter("w", {1, 4, 2}, init::normal());
      return matmul(parts, expand(w, {x.shape()[0] * 7, 4, 2}));
    });
    image([](Var x) {
      const Var index = cast(mul(sigmoid(slice(x, 3, 0, 1)), 3), DType::i32);
      const Var table = x.graph().parameter("table", {4, 6}, init::normal());
      const Var rows = reshape(embedding(table, index), {x.shape()[0], 7, 5, 6});
      return concat({rows, gather(x, index, 3)}, 3);
    });
  }
}

TEST_CASE("a file has the batch open and nothing without use") {
  const onnx::ModelProto model = written({1, 6, 6, 3}, [](Var x) {
    return layers::dense(flatten(global_avg_pool2d(convolution_and_norm(x))), "head", 5);
  });
  CHECK(operators_of(model) == "Conv Relu GlobalAveragePool Reshape Gemm ");
  std::vector<std::string> weights;
  for (const auto& tensor : model.graph().initializer())
    if (tensor.data_type() == onnx::TensorProto::FLOAT) weights.push_back(tensor.name());
  std::sort(weights.begin(), weights.end());
  CHECK(weights ==
        std::vector<std::string>{"conv.bias", "conv.weight", "head.bias", "head.weight"});
}

TEST_CASE("images keep their order from end to end") {
  const onnx::ModelProto model = written({1, 8, 8, 3}, [](Var x) {
    const Var y = convolution_and_norm(x);
    return layers::conv2d(concat({max_pool2d(y), avg_pool2d(y)}, 3), "last", 2, 1);
  });
  CHECK(operators_of(model) == "Conv Relu MaxPool AveragePool Concat Conv ");
}

TEST_CASE("a network's images and classes are in the file") {
  const Path path;
  const auto device = open_device("cpu");
  const ImageInput input = {28, 28, 1, {.padding = 2, .mean = {0.25}, .deviation = {0.5}}};
  ImageClassifier network(*device, make_model("lenet5", input, {"cat", "a dog"}), 1);
  write_onnx(path.name, network);
  ImageClassifier again(*device, onnx_model(path.name));
  CHECK(again.model().classes == network.model().classes);
  CHECK(again.model().input.height == 28);
  CHECK(again.model().input.options.padding == 2);
  CHECK(again.model().input.options.mean == std::vector<double>{0.25});
  std::vector<std::uint8_t> images(2 * 28 * 28);
  for (std::size_t i = 0; i < images.size(); ++i)
    images[i] = static_cast<std::uint8_t>(i * i % 251);
  const auto expected = network.predict(images, 2), found = again.predict(images, 2);
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-4));
}

TEST_CASE("all nodes that ONNX has no operator for are named together") {
  const auto device = open_device("cpu");
  const NetBuilder build = net_of({1, 6, 6, 3}, [](Var x) {
    const Var y = adaptive_max_pool2d(x, {4, 5}, "pool");
    const Var loss = huber_loss(y, mul(y, 2));
    return add(relu(loss), x.graph().add("huber", {loss}, {{"delta", 1.0}}, "late")[0]);
  });
  Params params(*device);
  const std::string message = refusal([&] { write_onnx("/nowhere/net.onnx", build, params); });
  CHECK(message.starts_with("[onnx] cannot be written: "));
  CHECK(message.find("max_pool2d_windows (node 'pool'): its windows differ in size") !=
        std::string::npos);
  CHECK(message.find("huber (node 'late'): ONNX has no such operator") != std::string::npos);
}

}  // namespace tessera

// One graph with every op family and with shapes that reach every algorithm, for tests of the CPU
// backend as a whole.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/base/philox.h"
#include "engine/passes/passes.h"
#include "tessera/autograd.h"
#include "tessera/device.h"
#include "tessera/ops.h"
#include "tessera/params.h"

namespace tessera {

inline Graph workload() {
  Graph graph;
  const Initializer uniform{Initializer::Kind::uniform, 0.3};
  const Var image = graph.input("image", {DType::u8, {8, 21, 19, 3}});
  const Var label = graph.input("label", {DType::i32, {8}});
  const Var lr = graph.input("lr", {DType::f32, {1}});
  std::vector<Var> weights;
  const auto parameter = [&](const std::string& name, Shape shape) {
    weights.push_back(graph.parameter(name, std::move(shape), uniform));
    return weights.back();
  };
  Var x =
      image_to_float(image, {.padding = 1, .mean = {0.5, 0.4, 0.3}, .deviation = {0.2, 0.3, 1}});
  x = relu(conv2d(x, parameter("w1", {6, 5, 5, 3}), parameter("b1", {6})));
  x = max_pool2d(x, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}});
  x = conv2d(x, parameter("w2", {40, 3, 3, 6}), {}, {.stride = {1, 2}, .padding = {1, 1}});
  x = add(x, parameter("b2", {40}));
  // As many channels and tiles as Winograd's algorithm asks for.
  x = conv2d(x, parameter("winograd", {40, 3, 3, 40}), {}, {.padding = {1, 1}});
  x = conv2d(x, parameter("w3", {8, 3, 2, 10}), {},
             {.padding = {2, 1}, .dilation = {2, 1}, .groups = 4});
  x = max_pool2d(relu(x));
  x = flatten(x);
  x = relu(dense(x, parameter("w4", {37, x.shape()[1]}), parameter("b4", {37})));
  // Too large for anything but Eigen's product.
  const Var large = matmul(parameter("large_a", {333, 520}), parameter("large_b", {520, 450}));
  x = add(x, sum(matmul(sum(large, {0}, {.keepdim = true}), parameter("w5", {450, 37})), {0}));
  const CrossEntropy loss =
      softmax_cross_entropy(dense(x, parameter("w6", {10, 37}), parameter("b6", {10})), label);
  const std::vector<Var> dw = gradients(loss.loss, weights);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const std::string& name = graph.value(weights[i].id()).name;
    graph.set_output("d" + name, dw[i]);
    sgd_step(weights[i], dw[i], graph.state(name + ".momentum", weights[i].spec()), lr,
             {.momentum = 0.9});
  }
  graph.set_output("loss", loss.loss);
  record(loss.loss, graph.state("history", {DType::f32, {4}}),
         graph.state("counter", {DType::i32, {1}}));
  join_losses(graph);
  join_updates(graph);
  return graph;
}

inline void set_workload_inputs(Executable& executable) {
  Philox random(1, "workload");
  std::vector<std::uint8_t> image(8 * 21 * 19 * 3);
  for (auto& pixel : image) pixel = static_cast<std::uint8_t>(random.below(256));
  std::vector<std::int32_t> label(8);
  for (auto& l : label) l = static_cast<std::int32_t>(random.below(10));
  const float lr = 1e-4f;
  executable.set_input("image", std::as_bytes(std::span(image)));
  executable.set_input("label", std::as_bytes(std::span(label)));
  executable.set_input("lr", std::as_bytes(std::span(&lr, 1)));
}

/// All outputs, one after the other, after three runs on a device opened now.
inline std::vector<float> run_workload() {
  const auto device = open_device("cpu");
  const Graph graph = workload();
  Params params(*device);
  params.add(graph, 5);
  const auto executable = device->compile(Plan(graph, device->plan_options()), params);
  set_workload_inputs(*executable);
  for (int i = 0; i < 3; ++i) executable->run();
  std::vector<float> all;
  for (const Graph::Output& output : graph.outputs()) {
    std::vector<float> values(static_cast<std::size_t>(graph.value(output.value).spec.elements()));
    executable->read_output(output.name, std::as_writable_bytes(std::span(values)));
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

}  // namespace tessera

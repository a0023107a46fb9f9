// Nets with random weights, and what they make of random numbers.
#pragma once

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "tessera/device.h"
#include "tessera/onnx.h"
#include "tessera/safetensors.h"

namespace tessera {

struct Net {
  Graph graph;
  std::vector<float> input, output;  ///< as they are in memory
};

inline std::vector<float> run_net(const Graph& graph, Params& params,
                                  const std::vector<float>& input) {
  Device& device = params.device();
  const auto executable = device.compile(Plan(graph, device.plan_options()), params);
  const Graph::Output& output = graph.outputs().at(0);
  for (const Value& value : graph.values())
    if (value.role == Role::input)
      executable->set_input(value.name, std::as_bytes(std::span(input)));
  executable->run();
  std::vector<float> result(static_cast<std::size_t>(graph.value(output.value).spec.elements()));
  executable->read_output(output.name, std::as_writable_bytes(std::span(result)));
  return result;
}

/// Gives weights and statistics other values, so that each of them tells.
inline void randomise(Params& params, std::mt19937& random) {
  for (const auto& [name, entry] : params.entries()) {
    if (entry.spec.dtype != DType::f32) continue;
    std::vector<float> values = params.read_floats(name);
    const bool variance = name.ends_with("running_var");
    for (float& x : values) {
      const auto noise = static_cast<float>(random() % 1000) / 1000;
      if (variance) x = 0.5f + noise;
      if (!variance && entry.spec.rank() == 1) x += 0.4f * (noise - 0.5f);
      if (!variance && entry.spec.rank() > 1 && x == 0) x = 0.1f * (noise - 0.5f);
    }
    params.write(name, std::as_bytes(std::span(values)));
  }
}

/// One input and one output. The weights are added to `params`.
inline Net random_net(const NetBuilder& build, std::int64_t batch, Params& params) {
  std::mt19937 random(7);
  Net net;
  build(net.graph, batch);
  params.add(net.graph, 3);
  randomise(params, random);
  for (const Value& value : net.graph.values())
    if (value.role == Role::input)
      for (std::int64_t i = 0; i < value.spec.elements(); ++i)
        net.input.push_back(static_cast<float>(random() % 2001) / 1000 - 1);
  net.output = run_net(net.graph, params, net.input);
  return net;
}

/// A tensor of a graph in ONNX's order of dimensions: the channels of images come first.
inline TensorFile::Tensor channels_moved(const Graph& graph, const std::string& name,
                                         const std::vector<float>& values) {
  Shape shape = graph.value(graph.find(name)).spec.shape;
  std::vector<float> moved = values;
  if (shape.size() == 4) {
    const auto C = static_cast<std::size_t>(shape[3]);
    const auto pixels = static_cast<std::size_t>(shape[1] * shape[2]);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t n = i / (pixels * C), p = i / C % pixels, c = i % C;
      moved[(n * C + c) * pixels + p] = values[i];
    }
    shape = {shape[0], shape[3], shape[1], shape[2]};
  }
  TensorFile::Tensor tensor{{DType::f32, shape}, {}};
  tensor.bytes.resize(moved.size() * sizeof(float));
  std::memcpy(tensor.bytes.data(), moved.data(), tensor.bytes.size());
  return tensor;
}

}  // namespace tessera

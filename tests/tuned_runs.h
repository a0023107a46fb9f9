// Graphs of one node, and runs of them with tuned algorithms.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/base/philox.h"
#include "tessera/device.h"
#include "tessera/op.h"
#include "tessera/ops.h"
#include "tessera/params.h"

namespace tessera {

struct Run {
  std::string description;
  std::vector<float> y;
};

inline Run run(Device& device, const Graph& graph) {
  Params params(device);
  const auto executable = device.compile(Plan(graph, device.plan_options()), params);
  for (Buffer* arena : executable->arenas())
    device.upload(*arena, 0, std::vector<std::byte>(arena->bytes(), std::byte{0xFF}));
  for (const Value& value : graph.values()) {
    if (value.role != Role::input) continue;
    Philox generator(1, value.name);
    std::vector<float> numbers(static_cast<std::size_t>(value.spec.elements()));
    for (float& number : numbers) number = 2 * generator.uniform() - 1;
    executable->set_input(value.name, std::as_bytes(std::span(numbers)));
  }
  executable->run();
  const auto& output = graph.outputs().front();
  Run result{
      executable->describe().back(),
      std::vector<float>(static_cast<std::size_t>(graph.value(output.value).spec.elements()))};
  executable->read_output(output.name, std::as_writable_bytes(std::span(result.y)));
  return result;
}

inline std::string key_of(const Graph& graph) { return tuning_key(graph, graph.nodes().back()); }

inline void check_equal(const std::vector<float>& found, const std::vector<float>& expected) {
  float most = 0, largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const float difference = std::abs(found[i] - expected[i]);
    most = difference > most || difference != difference ? difference : most;
    largest = std::max(largest, std::abs(expected[i]));
  }
  CHECK(most <= 1e-4f * largest);
}

inline Graph product(std::int64_t M, std::int64_t N, std::int64_t K, bool transpose_b) {
  Graph graph;
  const Var a = graph.input("a", {DType::f32, {M, K}});
  const Var b = graph.input("b", {DType::f32, transpose_b ? Shape{N, K} : Shape{K, N}});
  graph.set_output("y", matmul(a, b, {.transpose_b = transpose_b}));
  return graph;
}

/// conv2d, conv2d_dx or conv2d_dw of a layer with filters of `size` rows and columns.
inline std::vector<Graph> convolutions(std::int64_t N, std::int64_t C, std::int64_t K,
                                       std::int64_t size = 3, std::int64_t groups = 1) {
  const auto with = [&](const std::string& op, const Shape& first, const Shape& second) {
    Graph graph;
    const Var a = graph.input("a", {DType::f32, first}), b = graph.input("b", {DType::f32, second});
    Attributes attributes = {{"stride", std::vector<std::int64_t>{1, 1}},
                             {"padding", std::vector<std::int64_t>(4, size / 2)},
                             {"dilation", std::vector<std::int64_t>{1, 1}},
                             {"groups", groups},
                             {"input_size", std::vector<std::int64_t>{9, 7}},
                             {"kernel_size", std::vector<std::int64_t>{size, size}}};
    graph.set_output("y", graph.add(op, {a, b}, attributes)[0]);
    return graph;
  };
  const Shape x = {N, 9, 7, C}, w = {K, size, size, C / groups}, y = {N, 9, 7, K};
  return {with("conv2d", x, w), with("conv2d_dx", y, w), with("conv2d_dw", x, y)};
}

}  // namespace tessera

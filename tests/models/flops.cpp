// Floating-point operations, counted from shapes.
#include "tessera/flops.h"

#include <doctest/doctest.h>

#include <set>

#include "tessera/ops.h"
#include "tests/cases/case.h"

namespace tessera {

TEST_CASE("products have the operations that the benchmark's cases state") {
  const std::set<std::string> products = {"conv2d", "conv2d_dx", "conv2d_dw", "matmul"};
  int count = 0;
  for (const cases::Case& c : cases::all_cases()) {
    if (!products.contains(c.op) || c.build) continue;
    CAPTURE(c.op);
    CAPTURE(c.name);
    Graph graph;
    std::vector<Var> inputs;
    for (const cases::Input& input : c.inputs)
      inputs.push_back(graph.input(input.name, input.spec));
    cases::append(c, graph, inputs);
    CHECK(flops(graph) == c.flops);
    ++count;
  }
  CHECK(count > 50);
}

TEST_CASE("views and moves have no operations, all others one for each element") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {2, 4, 6, 3}});
  const auto last = [&] { return flops(graph, graph.nodes().back()); };
  reshape(x, {8, 18});
  CHECK(last() == 0);
  permute(x, {3, 0, 1, 2});
  CHECK(last() == 0);
  relu(x);
  CHECK(last() == 144);
  max_pool2d(x);
  CHECK(last() == 144);
  expand(graph.input("y", {DType::f32, {1}}), {9});
  CHECK(last() == 0);
  add(x, graph.input("wide", {DType::f32, {5, 1, 1, 1, 1}}));
  CHECK(last() == 720);
  CHECK(flops(graph) == 144 + 144 + 720);
}

}  // namespace tessera

// Gradients of slices that become one concat, and those that must not.
#include <doctest/doctest.h>

#include <algorithm>

#include "engine/passes/passes.h"
#include "tessera/autograd.h"
#include "tessera/ops.h"
#include "tessera/plan.h"
#include "tests/unit/op_names.h"

namespace tessera {
namespace {

struct Net {
  Graph graph;
  Var w = graph.parameter("w", {7, 5}, {});

  /// The ops behind the forward pass, of the gradient of some function of w.
  Names gradient_of(Var y) {
    const std::size_t forward = graph.nodes().size();
    const Var dy = graph.input("dy", y.spec());
    graph.set_output("y", y);
    graph.set_output("dw", gradients(y, dy, {w})[0]);
    join_slices(graph);
    const Names all = ops_of(graph);
    return {all.begin() + static_cast<std::ptrdiff_t>(forward), all.end()};
  }
};

}  // namespace

TEST_CASE("gradients of slices that cover a tensor become one concat") {
  Net net;
  const auto parts = split(net.w, {2, 4, 1}, 0);
  // In another order than they stand in.
  CHECK(net.gradient_of(concat({exp(parts[1]), exp(parts[2]), exp(parts[0])}, 0)) ==
        Names{"slice", "slice", "slice", "exp_dx", "exp_dx", "exp_dx", "concat"});
  const Node& node = net.graph.nodes().back();
  CHECK(node.attributes.integer("axis") == 0);
  REQUIRE(node.inputs.size() == 3);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(net.graph.value(node.inputs[i]).spec.shape == parts[i].shape());
}

TEST_CASE("gradients of slices stay where what they read is updated before the sum") {
  for (const bool updated : {false, true}) {
    Graph graph;
    const auto part = [&](const char* name, std::int64_t start) {
      const Var dy = graph.state(name, {DType::f32, {2}});
      const Var dx = graph.add("slice_dx", {dy},
                               {{"axis", std::int64_t{0}},
                                {"start", start},
                                {"step", std::int64_t{1}},
                                {"size", std::int64_t{2}},
                                {"input_size", std::int64_t{4}}})[0];
      if (updated) blend(dy, graph.constant({2}, 1), graph.constant({1}, 0.5));
      return dx;
    };
    const Var first = part("a", 0);
    graph.set_output("sum", add(first, part("b", 2)));
    join_slices(graph);
    const Names ops = ops_of(graph);
    CHECK(std::count(ops.begin(), ops.end(), "concat") == (updated ? 0 : 1));
    const Plan plan(graph);
  }
}

TEST_CASE("gradients of slices that overlap, leave something out or are among others stay") {
  const auto joins = [](const auto& build) {
    Net net;
    const Names ops = net.gradient_of(build(net.w));
    return std::count(ops.begin(), ops.end(), "concat") > 0;
  };
  const auto of = [](Var w, std::int64_t axis, std::int64_t start, std::int64_t stop,
                     std::int64_t step = 1) {
    return sum(exp(slice(w, axis, start, stop, step)), {0, 1});
  };
  CHECK(joins([&](Var w) { return add(of(w, 0, 0, 3), of(w, 0, 3, 7)); }));
  CHECK(joins([&](Var w) { return add(of(w, 1, 0, 1), of(w, 1, 1, 5)); }));
  CHECK_FALSE(joins([&](Var w) { return add(of(w, 0, 0, 3), of(w, 0, 2, 6)); }));
  CHECK_FALSE(joins([&](Var w) { return add(of(w, 0, 0, 3), of(w, 0, 3, 6)); }));
  CHECK_FALSE(joins([&](Var w) { return add(of(w, 0, 0, 7), of(w, 1, 0, 5)); }));
  CHECK_FALSE(joins([&](Var w) { return add(of(w, 0, 0, 7, 2), of(w, 0, 1, 7, 2)); }));
  CHECK_FALSE(joins([&](Var w) {
    return add(add(of(w, 0, 0, 3), of(w, 0, 3, 7)), sum(exp(w), {0, 1}));
  }));
}

}  // namespace tessera

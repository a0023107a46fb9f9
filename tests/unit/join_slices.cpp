// Gradients of slices that become one concat, and those that must not.
#include <doctest/doctest.h>

#include <algorithm>

#include "engine/passes/passes.h"
#include "tessera/autograd.h"
#include "tessera/ops.h"
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

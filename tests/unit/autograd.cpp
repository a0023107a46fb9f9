// Backward passes as graphs: what is appended, added up, refused and dropped. The numbers are
// checked in ops.cpp, on each device.
#include "tessera/autograd.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tessera/error.h"
#include "tessera/op.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

std::vector<std::string> op_names(const Graph& graph, std::size_t first = 0) {
  std::vector<std::string> names;
  for (std::size_t i = first; i < graph.nodes().size(); ++i)
    names.emplace_back(graph.nodes()[i].op->name);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a chain goes backward in reverse, with names of the forward nodes") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {2, 9, 9, 3}});
  const Var w = graph.parameter("w", {4, 2, 2, 3}, {});
  const Var y = max_pool2d(relu(conv2d(x, w, {}, {}, "conv"), "act"), {}, "pool");
  const Var dy = graph.input("dy", y.spec());
  const std::size_t forward = graph.nodes().size();
  const auto dw = gradients(y, dy, {w});
  CHECK(op_names(graph, forward) == Names{"max_pool2d_dx", "relu_dx", "conv2d_dw"});
  CHECK(graph.nodes()[forward].name == "pool.dx");
  CHECK(graph.nodes()[forward + 2].name == "conv.dw");
  REQUIRE(dw.size() == 1);
  CHECK(dw[0].spec() == w.spec());
}

TEST_CASE("several uses of a value add up") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {3}});
  const Var y = add(add(relu(x), x), x);
  const Var dy = graph.input("dy", y.spec());
  const std::size_t forward = graph.nodes().size();
  const Var dx = gradients(y, dy, {x})[0];
  // dy once for each plain use, and once through relu.
  CHECK(op_names(graph, forward) == Names{"add", "relu_dx", "add"});
  CHECK(dx.id() == graph.nodes().back().outputs[0]);
}

TEST_CASE("both operands may be the same value") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {3, 3}});
  const Var y = matmul(x, x);
  const Var dx = gradients(y, graph.input("dy", y.spec()), {x})[0];
  CHECK(op_names(graph) == Names{"matmul", "matmul", "matmul", "add"});
  CHECK(dx.spec() == x.spec());
}

TEST_CASE("the gradient of a value with respect to itself is dy") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {3}});
  const Var dy = graph.input("dy", {DType::f32, {3}});
  CHECK(gradients(x, dy, {x})[0].id() == dy.id());
  CHECK(graph.nodes().empty());
}

TEST_CASE("gradients come in the order asked for, and only those") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {5, 3}});
  const Var w = graph.parameter("w", {4, 3}, {});
  const Var b = graph.parameter("b", {4}, {});
  const Var y = dense(x, w, b, "fc");
  const Var dy = graph.input("dy", y.spec());
  const auto found = gradients(y, dy, {b, w});
  CHECK(found[0].spec() == b.spec());
  CHECK(found[1].spec() == w.spec());
  const auto& nodes = graph.nodes();
  CHECK(std::none_of(nodes.begin(), nodes.end(),
                     [](const Node& node) { return node.name == "fc.da"; }));
}

TEST_CASE("a loss of one element is weighted by 1") {
  Graph graph;
  const Var logits = graph.input("logits", {DType::f32, {5, 3}});
  const Var labels = graph.input("labels", {DType::i32, {5}});
  const auto loss = softmax_cross_entropy(logits, labels);
  const Var dx = gradients(loss.loss, {logits})[0];
  CHECK(dx.spec() == logits.spec());
  const Value& weight = graph.value(graph.nodes().back().inputs[2]);
  CHECK(weight.role == Role::constant);
  CHECK(weight.initializer.value == 1);
  CHECK_THROWS_WITH_AS(gradients(loss.probabilities, {logits}),
                       "[gradients] the loss has shape [5,3], expected [1]", Error);
}

TEST_CASE("what has no gradient is refused") {
  Graph graph;
  const Var image = graph.input("image", {DType::u8, {1, 2, 2, 1}});
  const Var x = graph.input("x", {DType::f32, {1, 2, 2, 1}});
  const Var y = image_to_float(image, {}, "pixels");
  const Var z = add(x, y);
  const Var dz = graph.input("dz", z.spec());
  CHECK_THROWS_WITH_AS(gradients(z, dz, {image}),
                       "[image_to_float] is not differentiable (node 'pixels')", Error);
  const Var other = graph.input("other", {DType::f32, {2}});
  CHECK_THROWS_WITH_AS(gradients(z, dz, {x, other}), "[gradients] 'other' does not reach the loss",
                       Error);
  CHECK_THROWS_WITH_AS(gradients(z, other, {x}), "[gradients] dy has shape [2], expected [1,2,2,1]",
                       Error);
  CHECK_NOTHROW(gradients(z, dz, {x}));  // beside a node without gradient
}

TEST_CASE("a gradient goes around ops through which none passes") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {3}});
  const Var whole = cast(cast(x, DType::i32), DType::f32);
  const Var y = mul(whole, x, "product");
  const Var dy = graph.input("dy", y.spec());
  const std::vector<Var> found = gradients(y, dy, {x});
  CHECK(graph.node(graph.value(found[0].id()).producer).name == "product.db");
}

TEST_CASE("the gradient of an output that has none is not dropped silently") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {1, 3}});
  const Var labels = graph.input("labels", {DType::i32, {1}});
  const CrossEntropy loss = softmax_cross_entropy(x, labels, "loss");
  const Var both = add(loss.loss, sum(loss.probabilities, {1}));
  CHECK_THROWS_WITH_AS(gradients(both, {x}),
                       "[softmax_cross_entropy] output 1 is not differentiable (node 'loss')",
                       Error);
}

TEST_CASE("nodes that nothing depends on are dropped") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {3}});
  const Var w = graph.parameter("w", {3}, {});
  const Var v = graph.state("v", {DType::f32, {3}});
  const Var lr = graph.input("lr", {DType::f32, {1}});
  const Var unused = relu(relu(x, "dead"), "dead too");
  const Var y = add(x, w, "wanted");
  const Var dw = relu(x, "for the update");
  sgd_step(w, dw, v, lr, {.momentum = 0.9}, "update");
  graph.set_output("y", y);
  remove_dead_nodes(graph);
  Names names;
  for (const Node& node : graph.nodes()) names.push_back(node.name);
  CHECK(names == Names{"wanted", "for the update", "update"});
  CHECK(graph.value(y.id()).producer == 0);
  CHECK(graph.value(dw.id()).producer == 1);
  CHECK(graph.value(unused.id()).producer == no_node);
}

}  // namespace tessera

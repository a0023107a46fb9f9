// A loss and its gradient that become one node, and those that must not.
#include <doctest/doctest.h>

#include "engine/passes/passes.h"
#include "tessera/autograd.h"
#include "tessera/ops.h"
#include "tests/unit/op_names.h"

namespace tessera {
namespace {

struct Classifier {
  Graph graph;
  Var x = graph.input("x", {DType::f32, {5, 3}}), w = graph.parameter("w", {3, 4}, {});
  Var label = graph.input("label", {DType::i32, {5}});
  CrossEntropy loss = softmax_cross_entropy(matmul(x, w), label, "loss");
};

}  // namespace

TEST_CASE("a loss and its gradient become one node") {
  Classifier c;
  c.graph.set_output("loss", c.loss.loss);
  c.graph.set_output("dw", gradients(c.loss.loss, {c.w})[0]);
  const Node dx = c.graph.node(2);
  join_losses(c.graph);
  REQUIRE(ops_of(c.graph) == Names{"matmul", "softmax_cross_entropy_and_dx", "matmul"});
  CHECK(c.graph.node(1).inputs.size() == 3);
  CHECK(c.graph.node(1).outputs == std::vector<ValueId>{c.loss.loss.id(), dx.outputs[0]});
}

TEST_CASE("probabilities that somebody reads keep loss and gradient apart") {
  const Names apart = {"matmul", "softmax_cross_entropy", "softmax_cross_entropy_dx", "matmul"};
  Classifier output;
  output.graph.set_output("probabilities", output.loss.probabilities);
  gradients(output.loss.loss, {output.w});
  join_losses(output.graph);
  CHECK(ops_of(output.graph) == apart);

  Classifier read;
  gradients(read.loss.loss, {read.w});
  argmax(read.loss.probabilities, 1);
  join_losses(read.graph);
  CHECK(ops_of(read.graph)[1] == "softmax_cross_entropy");
}

TEST_CASE("a gradient whose weight comes from the loss stays apart") {
  Classifier c;
  gradients(square(c.loss.loss), {c.w});
  join_losses(c.graph);
  CHECK(ops_of(c.graph)[1] == "softmax_cross_entropy");
}

}  // namespace tessera

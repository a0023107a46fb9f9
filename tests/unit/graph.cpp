// Graphs: names, roles, and errors that name op and node.
#include "tessera/graph.h"

#include <doctest/doctest.h>

#include "tessera/error.h"
#include "tessera/op.h"
#include "tessera/ops.h"

namespace tessera {

TEST_CASE("an error names the op, what was found, what was expected and the node") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {1, 8, 8, 4}});
  const Var w = graph.parameter("w", {6, 3, 3, 3}, {});
  CHECK_THROWS_WITH_AS(conv2d(x, w, {}, {}, "conv1"),
                       "[conv2d] weight has 3 input channels, expected 4 (node 'conv1')", Error);
  CHECK(graph.nodes().empty());
}

TEST_CASE("nodes stand in the order of their appending and know their values") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {2, 3}});
  const Var y = relu(x, "first");
  const Var z = add(y, x);
  REQUIRE(graph.nodes().size() == 2);
  CHECK(graph.node(0).name == "first");
  CHECK(graph.node(1).name == "add_1");
  CHECK(graph.node(1).op->name == "add");
  CHECK(graph.node(1).inputs == std::vector<ValueId>{y.id(), x.id()});
  CHECK(graph.node(1).outputs == std::vector<ValueId>{z.id()});
  CHECK(graph.value(x.id()).producer == no_node);
  CHECK(graph.value(z.id()).producer == 1);
  CHECK(graph.value(z.id()).role == Role::activation);
}

TEST_CASE("inputs, parameters, states and outputs are found by name") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {2}});
  const Var w = graph.parameter("w", {2}, {});
  const Var v = graph.state("v", {DType::f32, {2}});
  const Var y = add(x, w, "sum");
  graph.set_output("y", y);
  CHECK(graph.find("x") == x.id());
  CHECK(graph.find("w") == w.id());
  CHECK(graph.find("v") == v.id());
  CHECK(graph.find("y") == y.id());
  CHECK_THROWS_WITH_AS(graph.find("sum"),
                       "[graph] there is no input, parameter, state or output 'sum'", Error);
}

TEST_CASE("names are unique and not empty") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {2}});
  CHECK_THROWS_WITH_AS(graph.parameter("x", {2}, {}), "[graph] duplicate name 'x'", Error);
  CHECK_THROWS_WITH_AS(graph.state("", {DType::f32, {2}}),
                       "[graph] an input, parameter or state needs a name", Error);
  graph.set_output("y", x);
  CHECK_THROWS_WITH_AS(graph.set_output("y", x), "[graph] the output name 'y' is taken", Error);
  relu(x, "a");
  CHECK_NOTHROW(graph.input("a", {DType::f32, {2}}));  // nodes have names of their own
}

TEST_CASE("what does not belong together is refused") {
  Graph graph, other;
  const Var x = graph.input("x", {DType::f32, {2}});
  const Var foreign = other.input("x", {DType::f32, {2}});
  CHECK_THROWS_WITH_AS(add(x, foreign, "mix"),
                       "[add] an input belongs to another graph (node 'mix')", Error);
  CHECK_THROWS_WITH_AS(graph.input("n", {DType::f32, {2, -1}}),
                       "[shape] negative dimension in [2,-1]", Error);
  CHECK_THROWS_AS(graph.add("no_such_op", {x}), Error);
}

TEST_CASE("an unknown op is refused with a list of what there is") {
  try {
    find_op("convolve");
    FAIL("found");
  } catch (const Error& error) {
    const std::string message = error.what();
    CHECK(message.find("[graph] there is no op 'convolve'; there are ") == 0);
    for (const Op* op : all_ops()) CHECK(message.find(op->name) != std::string::npos);
  }
}

TEST_CASE("each op is in the table once") {
  for (const Op* op : all_ops()) CHECK(&find_op(op->name) == op);
}

}  // namespace tessera

// Which nodes become one, and which must not.
#include "tessera/fuse.h"

#include <doctest/doctest.h>

#include "tessera/autograd.h"
#include "tessera/error.h"
#include "tessera/ops.h"
#include "tessera/plan.h"
#include "tests/unit/op_names.h"

namespace tessera {
namespace {

struct Net {
  Graph graph{Mode::training};
  Var x = graph.input("x", {DType::f32, {2, 3, 3, 6}});
  Var other = graph.input("other", {DType::f32, {2, 3, 3, 6}});

  Var state(const std::string& name) { return graph.state(name, {DType::f32, {6}}); }
  Var norm(Var of, const std::string& name) {
    const Affine affine{graph.parameter(name + ".w", {6}, {}),
                        graph.parameter(name + ".b", {6}, {})};
    return batch_norm(of, state(name + ".mean"), state(name + ".var"), affine, {}, name);
  }
  /// The ops after fusing, with `y` as output.
  Names fused(Var y) {
    graph.set_output("y", y);
    fuse(graph);
    return ops_of(graph);
  }
};

}  // namespace

TEST_CASE("a batch norm takes in the activation behind it") {
  for (const bool six : {false, true}) {
    Net net;
    const Var norm = net.norm(net.x, "n");
    const Var y = six ? relu6(norm) : relu(norm);
    CHECK(net.fused(y) == Names{"batch_norm"});
    const Node& node = net.graph.nodes()[0];
    CHECK(node.attributes.text("activation") == (six ? "relu6" : "relu"));
    CHECK(node.outputs[0] == y.id());
    CHECK(net.graph.value(y.id()).producer == 0);
    CHECK(net.graph.value(norm.id()).producer == no_node);
    const Plan plan(net.graph, {});
  }
}

TEST_CASE("a batch norm takes in an addition, and the activation behind that") {
  for (const bool first : {false, true}) {
    Net net;
    const Var norm = net.norm(net.x, "n");
    const Var y = relu(first ? add(norm, net.other) : add(net.other, norm));
    CHECK(net.fused(y) == Names{"batch_norm"});
    CHECK(net.graph.nodes()[0].inputs.back() == net.other.id());
  }
  Net net;
  CHECK(net.fused(add(net.norm(net.x, "n"), net.other)) == Names{"batch_norm"});
  CHECK_FALSE(net.graph.nodes()[0].attributes.has("activation"));
}

TEST_CASE("a convolution and a matrix product take in what is behind them") {
  Net net;
  const Var w = net.graph.parameter("w", {6, 3, 3, 6}, {});
  const Var y = relu(add(net.other, conv2d(net.x, w, {}, {.padding = {1, 1, 1, 1}})));
  CHECK(net.fused(y) == Names{"conv2d"});
  CHECK(net.graph.nodes()[0].attributes.text("activation") == "relu");
  CHECK(net.graph.nodes()[0].inputs == std::vector{net.x.id(), w.id(), net.other.id()});

  Net with_dense;
  const Var rows = reshape(with_dense.x, {2, 54});
  const Var weight = with_dense.graph.parameter("w", {5, 54}, {});
  const Var bias = with_dense.graph.parameter("b", {5}, {});
  CHECK(with_dense.fused(relu6(dense(rows, weight, bias))) == Names{"reshape", "matmul"});
  CHECK(with_dense.graph.nodes()[1].attributes.text("activation") == "relu6");
}

TEST_CASE("one residual is enough for a convolution") {
  Net net;
  const Var w = net.graph.parameter("w", {6, 1, 1, 6}, {});
  const Var once = add(conv2d(net.x, w, {}, {}), net.other);
  CHECK(net.fused(add(once, net.x)) == Names{"conv2d", "add"});
}

TEST_CASE("of two norms that are added the second takes in the first") {
  Net net;
  const Var a = net.norm(net.x, "a"), b = net.norm(net.other, "b");
  CHECK(net.fused(relu(add(a, b))) == Names{"batch_norm", "batch_norm"});
  CHECK(net.graph.nodes()[0].name == "a");
  CHECK_FALSE(net.graph.nodes()[0].attributes.has("activation"));
  CHECK(net.graph.nodes()[1].inputs.back() == a.id());
}

TEST_CASE("of two products that are added the second takes in the first, in whatever order") {
  for (const bool swapped : {false, true})
    for (const bool activated : {false, true}) {
      Net net;
      const Var w = net.graph.parameter("w", {6, 1, 1, 6}, {});
      const Var a = conv2d(net.x, w, {}, {}, "a"), b = conv2d(net.other, w, {}, {}, "b");
      const Var sum = swapped ? add(b, a) : add(a, b);
      CHECK(net.fused(activated ? relu(sum) : sum) == Names{"conv2d", "conv2d"});
      CHECK(net.graph.nodes()[0].inputs.size() == 2);
      CHECK(net.graph.nodes()[1].inputs == std::vector{net.other.id(), w.id(), a.id()});
    }
}

TEST_CASE("of three products that are added two take one in") {
  Net net;
  const Var w = net.graph.parameter("w", {6, 1, 1, 6}, {});
  const auto product = [&] { return conv2d(net.x, w, {}, {}); };
  const Var a = product(), b = product(), c = product();
  CHECK(net.fused(relu(add(add(a, b), c))) == Names{"conv2d", "conv2d", "conv2d"});
}

TEST_CASE("a residual that is updated before the activation stays apart") {
  for (const bool viewed : {false, true}) {
    Net net;
    const Var w = net.graph.parameter("w", {6, 1, 1, 6}, {});
    const Var state = net.graph.state("s", net.x.spec());
    const Var seen = viewed ? reshape(reshape(state, {-1}), net.x.shape()) : state;
    const Var sum = add(conv2d(net.x, w, {}, {}), seen);
    blend(state, net.other, net.graph.constant({1}, 0.5));
    Names ops = net.fused(relu(sum));
    std::erase(ops, "reshape");
    CHECK(ops == Names{"conv2d", "add", "blend", "relu"});
    const Plan plan(net.graph, {});
  }
}

TEST_CASE("what somebody else reads stays") {
  Net net;
  const Var norm = net.norm(net.x, "n");
  const Var positive = relu(norm);
  CHECK(net.fused(add(positive, abs(norm))) == Names{"batch_norm", "relu", "abs", "add"});
  Net twice;
  const Var squared = twice.norm(twice.x, "n");
  CHECK(twice.fused(relu(add(squared, squared))) == Names{"batch_norm", "add", "relu"});
  Net output;
  const Var read = output.norm(output.x, "n");
  output.graph.set_output("norm", read);
  CHECK(output.fused(relu(read)) == Names{"batch_norm", "relu"});
  Net sum;
  const Var added = add(sum.norm(sum.x, "n"), sum.other);
  sum.graph.set_output("sum", added);
  CHECK(sum.fused(relu(added)) == Names{"batch_norm", "relu"});
}

TEST_CASE("other activations and shapes stay") {
  Net net;
  CHECK(net.fused(silu(net.norm(net.x, "n"))) == Names{"batch_norm", "silu"});
  Net broadcast;
  const Var row = broadcast.graph.input("row", {DType::f32, {6}});
  CHECK(broadcast.fused(relu(add(broadcast.norm(broadcast.x, "n"), row))) ==
        Names{"batch_norm", "add", "relu"});
}

TEST_CASE("a batch norm does not move behind what reads or changes its values") {
  Net net;
  const Var norm = net.norm(net.x, "n");
  const Var mean = add(Var(net.graph, net.graph.nodes()[0].outputs[1]), 1.0);
  net.graph.set_output("mean", mean);
  CHECK(net.fused(relu(norm)) == Names{"batch_norm", "add", "relu"});
  Net update;
  const Var w = update.graph.parameter("w", {2, 3, 3, 6}, {});
  const Var weights = update.norm(w, "n");
  sgd_step(w, update.other, update.graph.state("v", w.spec()),
           update.graph.input("lr", {DType::f32, {1}}), {.momentum = 0.9}, "step");
  CHECK(update.fused(relu(weights)) == Names{"batch_norm", "sgd_step", "relu"});
}

TEST_CASE("the gradient of an activation is inside of that of the norm") {
  Net net;
  const Var w = net.graph.parameter("w", net.x.shape(), {});
  const Var y = relu(net.norm(add(net.x, w), "n"));
  net.graph.set_output("y", y);
  fuse(net.graph);
  gradients(y, net.other, {w});
  CHECK(net.graph.nodes().back().op->name == "normalize_dx");
  CHECK(net.graph.nodes().back().attributes.text("activation") == "relu");
  CHECK(net.graph.nodes().size() == 3);
}

TEST_CASE("the gradient of a residual is that of the sum") {
  Net net;
  const Var w = net.graph.parameter("w", net.x.shape(), {});
  const Var y = relu6(add(net.norm(net.x, "n"), w));
  net.graph.set_output("y", y);
  fuse(net.graph);
  const Var dw = gradients(y, net.other, {w})[0];
  CHECK(net.graph.node(net.graph.value(dw.id()).producer).op->name == "relu6_dx");
}

TEST_CASE("batch norms check their activation and residual") {
  Net net;
  const Var mean = net.state("mean"), var = net.state("var");
  CHECK_THROWS_WITH_AS(
      net.graph.add("batch_norm_inference", {net.x, mean, var},
                    {{"eps", 1e-5}, {"activation", std::string("gelu")}}, "n"),
      "[batch_norm_inference] activation is 'gelu', expected 'relu' or 'relu6' (node 'n')", Error);
  CHECK_THROWS_WITH_AS(
      net.graph.add("batch_norm_inference", {net.x, mean, var, mean}, {{"eps", 1e-5}}, "n"),
      "[batch_norm_inference] residual has shape [6], expected [2,3,3,6] (node 'n')", Error);
}

TEST_CASE("the nodes of a graph are replaced by ones that fit only") {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {3}});
  const Var y = relu(x, "first"), z = relu(y, "second");
  auto nodes = graph.nodes();
  std::swap(nodes[0], nodes[1]);
  CHECK_THROWS_WITH_AS(Graph(graph).set_nodes(nodes),
                       "[graph] node 'second' reads 'first' before it is computed", Error);
  nodes = graph.nodes();
  nodes[0].outputs[0] = graph.constant({2}, 0).id();
  CHECK_THROWS_WITH_AS(Graph(graph).set_nodes(nodes),
                       "[graph] node 'first' does not set its outputs", Error);
  graph.set_nodes({graph.nodes()[0]});
  CHECK(graph.value(z.id()).producer == no_node);
}

}  // namespace tessera

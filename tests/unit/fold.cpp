// Which norms go into filters, and which must not.
#include <doctest/doctest.h>

#include "tessera/fuse.h"
#include "tessera/ops.h"
#include "tessera/plan.h"
#include "tests/unit/op_names.h"

namespace tessera {
namespace {

struct Net {
  Graph graph;
  Var x = graph.input("x", {DType::f32, {2, 3, 3, 6}});
  Var w = graph.parameter("w", {5, 3, 3, 6}, {});
  Var b = graph.parameter("b", {5}, {});

  Var norm(Var of) {
    const auto statistic = [&](const char* name) { return graph.state(name, {DType::f32, {5}}); };
    return batch_norm_inference(of, statistic("mean"), statistic("var"), {});
  }
  Names folded(Var y) {
    graph.set_output("y", y);
    fold_norms(graph);
    return ops_of(graph);
  }
};

}  // namespace

TEST_CASE("a norm goes into the filters before it") {
  for (const bool has_bias : {false, true}) {
    Net net;
    const Var y = net.norm(conv2d(net.x, net.w, has_bias ? std::optional(net.b) : std::nullopt));
    CHECK(net.folded(relu(y)) == Names{"fold_batch_norm", "conv2d", "relu"});
    const Node &fold = net.graph.nodes()[0], &product = net.graph.nodes()[1];
    CHECK(fold.inputs.size() == (has_bias ? 4 : 3));
    CHECK(product.inputs == std::vector{net.x.id(), fold.outputs[0], fold.outputs[1]});
    CHECK(product.outputs == std::vector{y.id()});
    const Plan plan(net.graph, {});
    CHECK(plan.runs_once(0));
    CHECK_FALSE(plan.runs_once(1));
  }
  Net net;
  const Var w = net.graph.parameter("dense.w", {5, 54}, {});
  const Var y = net.norm(dense(reshape(net.x, {2, 54}), w, net.b));
  CHECK(net.folded(y) == Names{"reshape", "fold_batch_norm", "matmul"});
}

TEST_CASE("a norm stays where something else sees what is before it") {
  const Names as_it_was = {"conv2d", "batch_norm_inference"};
  Net read;
  const Var product = conv2d(read.x, read.w, {});
  read.graph.set_output("before", product);
  CHECK(read.folded(read.norm(product)) == as_it_was);

  Net computed;  // filters that are an input: they change from run to run
  const Var w = computed.graph.input("filters", computed.w.spec());
  CHECK(computed.folded(computed.norm(conv2d(computed.x, w, {}))) == as_it_was);
}

TEST_CASE("what a plan makes of parameters is fixed, unless it updates some") {
  Net net;
  const Var twice = mul(net.w, net.w);
  net.graph.set_output("y", conv2d(net.x, twice, {}));
  const Plan plan(net.graph, {});
  CHECK(plan.is_fixed(net.w.id()));
  CHECK(plan.is_fixed(twice.id()));
  CHECK_FALSE(plan.is_fixed(net.x.id()));
  CHECK(plan.runs_once(0));
  CHECK_FALSE(plan.runs_once(1));

  const Var rate = net.graph.input("rate", {DType::f32, {1}});
  sgd_step(net.b, net.b, net.graph.state("v", {DType::f32, {5}}), rate);
  const Plan updating(net.graph, {});
  CHECK(updating.updates());
  CHECK_FALSE(updating.is_fixed(twice.id()));
}

}  // namespace tessera

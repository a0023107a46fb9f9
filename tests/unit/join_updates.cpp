// Optimizer steps that become one node, and those that must not.
#include <doctest/doctest.h>

#include "engine/passes/passes.h"
#include "tessera/ops.h"
#include "tessera/plan.h"
#include "tests/unit/op_names.h"

namespace tessera {
namespace {

/// A graph with two weights, their gradients and momentum.
struct TwoWeights {
  Graph graph;
  Var lr = graph.input("lr", {DType::f32, {1}});
  Var w = graph.parameter("w", {3, 2}, {}), b = graph.parameter("b", {5}, {});
  Var dw = graph.input("dw", w.spec()), db = graph.input("db", b.spec());
  Var vw = graph.state("vw", w.spec()), vb = graph.state("vb", b.spec());
};

}  // namespace

TEST_CASE("steps of many weights become one node, each with its decay") {
  TwoWeights t;
  const Var w = sgd_step(t.w, t.dw, t.vw, t.lr, {.momentum = 0.9, .weight_decay = 0.1}, "w.step");
  const Var b = sgd_step(t.b, t.db, t.vb, t.lr, {.momentum = 0.9}, "b.step");
  t.graph.set_output("exp", exp(w));
  t.graph.set_output("b", b);
  join_updates(t.graph);
  REQUIRE(ops_of(t.graph) == Names{"sgd_step", "exp"});
  const Node& node = t.graph.node(0);
  CHECK(node.name == "w.step and 1 more");
  CHECK(node.inputs == std::vector<ValueId>{t.w.id(), t.b.id(), t.dw.id(), t.db.id(), t.vw.id(),
                                            t.vb.id(), t.lr.id()});
  CHECK(node.outputs[0] == w.id());
  CHECK(node.outputs[1] == b.id());
  CHECK(node.attributes.numbers("weight_decays") == std::vector<double>{0.1, 0});
  const Plan plan(t.graph);
  CHECK(plan.placement(w.id()).root == t.w.id());
  CHECK(plan.placement(b.id()).root == t.b.id());
  CHECK(plan.placement(node.outputs[2]).root == t.vw.id());
  CHECK(plan.placement(node.outputs[3]).root == t.vb.id());
  join_updates(t.graph);  // once more changes nothing
  CHECK(ops_of(t.graph) == Names{"sgd_step", "exp"});
}

TEST_CASE("steps that differ stay apart") {
  TwoWeights t;
  const Var slow = t.graph.input("slow", {DType::f32, {1}});
  const Var c = t.graph.parameter("c", {2}, {}), dc = t.graph.input("dc", c.spec());
  sgd_step(t.w, t.dw, t.vw, t.lr, {.momentum = 0.9});
  sgd_step(t.b, t.db, t.vb, t.lr, {.momentum = 0.8});
  sgd_step(c, dc, t.graph.state("vc", c.spec()), slow, {.momentum = 0.9});
  adagrad_step(t.graph.parameter("d", {2}, {}), dc, t.graph.state("s", c.spec()), t.lr);
  join_updates(t.graph);
  CHECK(ops_of(t.graph) == Names{"sgd_step", "sgd_step", "sgd_step", "adagrad_step"});
}

TEST_CASE("a step stays before what reads its result, or changes what it reads") {
  TwoWeights t;
  const Var w = sgd_step(t.w, t.dw, t.vw, t.lr);
  const Var doubled = add(w, w);
  sgd_step(t.b, t.db, t.vb, t.lr);
  t.graph.set_output("doubled", doubled);
  join_updates(t.graph);
  CHECK(ops_of(t.graph) == Names{"sgd_step", "add", "sgd_step"});

  TwoWeights u;
  const Var share = u.graph.constant({1}, 0.5);
  blend(u.graph.state("mean", u.dw.spec()), u.dw, share);
  sgd_step(u.w, u.dw, u.vw, u.lr);
  blend(u.dw, u.graph.constant(u.dw.shape(), 0), share);  // the gradient that the step has read
  sgd_step(u.b, u.db, u.vb, u.lr);
  join_updates(u.graph);
  CHECK(ops_of(u.graph) == Names{"blend", "sgd_step", "blend", "sgd_step"});
}

TEST_CASE("a step stays before what changes that which it reads a view of") {
  TwoWeights t;
  const Var state = t.graph.state("s", {DType::f32, {6}});
  sgd_step(t.w, reshape(state, {3, 2}), t.vw, t.lr);
  blend(state, t.graph.constant({6}, 1), t.graph.constant({1}, 0.5));
  sgd_step(t.b, t.db, t.vb, t.lr);
  join_updates(t.graph);
  CHECK(ops_of(t.graph) == Names{"reshape", "sgd_step", "blend", "sgd_step"});
  const Plan plan(t.graph);
}

}  // namespace tessera

// Element-wise ops that become one node, and those that must not.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "engine/ops/chain.h"
#include "engine/passes/passes.h"
#include "tessera/autograd.h"
#include "tessera/error.h"
#include "tessera/ops.h"
#include "tessera/plan.h"
#include "tests/unit/op_names.h"

namespace tessera {
namespace {

struct Net {
  Graph graph;
  Var x = input("x", {4, 6, 5}), other = input("other", {4, 6, 5}), row = input("row", {5});

  Var input(const char* name, Shape shape) {
    return graph.input(name, {DType::f32, std::move(shape)});
  }
  /// The ops after the pass; `y` is read.
  Names joined(Var y) {
    graph.set_output("y", y);
    join_chains(graph);
    return ops_of(graph);
  }
  std::string program(std::size_t node = 0) const {
    return graph.nodes().at(node).attributes.text("program");
  }
};

const Names one = {"chain"};

std::string refusal(const char* program, std::size_t inputs, const char* reduction = nullptr,
                    std::vector<std::int64_t> axes = {}) {
  Graph graph;
  std::vector<Var> x;
  for (std::size_t i = 0; i < inputs; ++i)
    x.push_back(graph.input(fmt::format("x{}", i), {DType::f32, {2, 3, 2}}));
  Attributes attributes({{"program", std::string(program)}});
  if (reduction)
    attributes = Attributes({{"program", std::string(program)},
                             {"reduction", std::string(reduction)},
                             {"axes", std::move(axes)}});
  try {
    graph.add("chain", x, attributes, "c");
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("a chain of element-wise ops becomes one node in the place of the last") {
  Net net;
  const Var y = leaky_relu(mul(add(net.x, net.other), net.row), 0.1, "end");
  REQUIRE(net.joined(y) == one);
  CHECK(net.program() == "add(x0,x1) mul(t0,x2) leaky_relu(t1,0.1)");
  CHECK(net.graph.nodes()[0].name == "end and 2 before");
  CHECK(net.graph.nodes()[0].inputs ==
        std::vector<ValueId>{net.x.id(), net.other.id(), net.row.id()});
  CHECK(net.graph.nodes()[0].outputs == std::vector<ValueId>{y.id()});
}

TEST_CASE("branches that meet again are part of a chain") {
  Net net;
  const Var middle = add(net.x, net.other);
  const Var first = exp(middle);
  CHECK(net.joined(mul(first, square(middle))) == one);
  CHECK(net.program() == "add(x0,x1) exp(t0) square(t0) mul(t1,t2)");
  Net twice;
  const Var sum = add(twice.x, twice.x);
  CHECK(twice.joined(mul(sum, sum)) == one);
  CHECK(twice.program() == "add(x0,x0) mul(t0,t0)");
}

TEST_CASE("expansions in a chain vanish") {
  Net net;
  const Var small = net.input("small", {4, 1, 5});
  CHECK(net.joined(relu(add(net.x, expand(small, {4, 6, 5})))) == one);
  CHECK(net.program() == "add(x0,x1) relu(t0)");
  Net alone;  // nothing else says how often it is repeated
  const Var again = alone.input("small", {4, 1, 5});
  CHECK(alone.joined(relu(expand(again, {4, 6, 5}))) == Names{"expand", "relu"});
}

TEST_CASE("a reduction ends a chain") {
  Net net;
  CHECK(net.joined(sum(mul(net.x, net.other), {1}, {.keepdim = true})) == one);
  CHECK(net.graph.nodes()[0].attributes.text("reduction") == "sum");
  CHECK(net.graph.nodes()[0].attributes.integers("axes") == std::vector<std::int64_t>{1});
  Net loss;
  CHECK(loss.joined(mse_loss(loss.x, loss.other)) == Names{"chain", "reshape", "reshape"});
  Net apart;  // a pass for each axis
  CHECK(apart.joined(sum(mul(apart.x, apart.other), {0, 2}, {.keepdim = true})) ==
        Names{"mul", "sum"});
}

TEST_CASE("what somebody else reads ends a chain") {
  Net net;
  const Var middle = add(net.x, net.other);
  net.graph.set_output("middle", middle);
  CHECK(net.joined(relu(middle)) == Names{"add", "relu"});
  Net read;
  const Var both = relu(add(read.x, read.other));
  permute(both, {1, 0, 2});
  CHECK(read.joined(exp(both)) == Names{"chain", "permute", "exp"});
  CHECK(read.program() == "add(x0,x1) relu(t0)");
}

TEST_CASE("views stay") {
  Net net;
  CHECK(net.joined(relu(reshape(add(net.x, net.other), {24, 5}))) ==
        Names{"add", "reshape", "relu"});
}

TEST_CASE("what is repeated later is computed again only if that is cheap") {
  Net net;
  CHECK(net.joined(mul(net.x, sigmoid(net.row))) == Names{"sigmoid", "mul"});
  Net cheap;
  CHECK(cheap.joined(mul(cheap.x, neg(cheap.row))) == one);
}

TEST_CASE("long chains become several") {
  Net net;
  Var y = net.x;
  for (std::size_t i = 0; i < most_chain_steps + 2; ++i) y = add(y, net.row);
  REQUIRE(net.joined(y) == Names{"chain", "chain"});
  CHECK(to_chain(net.graph.nodes()[0].attributes).steps.size() == 2);
  CHECK(to_chain(net.graph.nodes()[1].attributes).steps.size() == most_chain_steps);
  Net many;
  y = many.x;
  for (std::size_t i = 0; i < most_chain_inputs; ++i)
    y = add(y, many.input(fmt::format("in{}", i).c_str(), {5}));
  CHECK(many.joined(y) == Names{"add", "chain"});
  CHECK(many.graph.nodes()[1].inputs.size() == most_chain_inputs);
}

TEST_CASE("inputs repeated along too many dimensions end a chain") {
  Net net;
  const Var a = net.input("a", {2, 1, 2, 1, 2}), b = net.input("b", {1, 3, 1, 3, 1});
  CHECK(net.joined(relu(add(a, b))) == Names{"add", "relu"});
}

TEST_CASE("no reading moves behind an update of what is read") {
  for (const bool view : {false, true}) {
    Net net;
    const Var w = net.graph.parameter("w", {4, 6, 5}, {});
    const Var scaled = mul(view ? reshape(w, {4, 6, 5}) : w, 2);
    sgd_step(w, net.other, net.graph.state("v", w.spec()), net.graph.input("lr", {DType::f32, {1}}),
             {.momentum = 0.9}, "step");
    const Names ops = net.joined(relu(scaled));
    CHECK(ops.size() == (view ? 4u : 3u));
    CHECK(ops.back() == "relu");
    const Plan plan(net.graph, {});
  }
}

TEST_CASE("gradients are chains, too") {
  Net net;
  const Var w = net.graph.parameter("w", {4, 6, 5}, {});
  const Var scale = net.graph.parameter("scale", {4, 1, 5}, {});
  const Var a = silu(w);
  const Var middle = mean(a, {1}, {.keepdim = true});
  const Var y = add(mul(a, scale), middle);
  net.graph.set_output("y", y);
  const auto dw = gradients(y, net.other, {w, scale});
  net.graph.set_output("dw", dw[0]);
  net.graph.set_output("dscale", dw[1]);
  remove_dead_nodes(net.graph);
  join_chains(net.graph);
  std::vector<std::size_t> chains;
  for (std::size_t i = 0; i < net.graph.nodes().size(); ++i)
    if (net.graph.nodes()[i].op->name == "chain") chains.push_back(i);
  REQUIRE(chains.size() == 3);
  CHECK(net.program(chains[0]) == "mul(x0,x1) add(t0,x2)");
  CHECK(net.program(chains[1]) == "mul_db(x0,x1)");
  CHECK(net.program(chains[2]) == "mul_da(x0,x1) div(x2,x3) add(t0,t1) silu_dx(x4,t2)");
  CHECK(net.graph.nodes()[chains[1]].attributes.text("reduction") == "sum");
}

TEST_CASE("programs of chains are checked") {
  CHECK(refusal("add(x0,x1) relu(t0)", 2).empty());
  CHECK(refusal("add(x0,x1)", 3) == "[chain] has 3 inputs, expected 2 (node 'c')");
  CHECK(refusal("", 0) == "[chain] program has 0 steps, expected 1 to 8 (node 'c')");
  CHECK(refusal("matmul(x0,x1)", 2) ==
        "[chain] program has 'matmul', expected an elementwise op (node 'c')");
  CHECK(refusal("relu(t0)", 1) == "[chain] program has 't0' where there are 0 (node 'c')");
  CHECK(refusal("relu(x0", 1) == "[chain] program has no end of 'relu' (node 'c')");
  CHECK(refusal("relu(y)", 1) ==
        "[chain] program has 'y', expected an input or a result (node 'c')");
  CHECK(refusal("relu(x0,x1)", 2) ==
        "[chain] program has 'x1' behind the operands of 'relu' (node 'c')");
  CHECK(refusal("elu(x0,one)", 1) == "[chain] program has 'one', expected a number (node 'c')");
  CHECK(refusal("relu(x0)", 1, "argmax", {0}) == "[chain] unknown reduction 'argmax' (node 'c')");
  CHECK(refusal("relu(x0)", 1, "sum", {3}) == "[chain] axis is 3, expected 0 to 2 (node 'c')");
  CHECK(refusal("relu(x0)", 1, "sum", {0, 2}) ==
        "[chain] inputs are repeated or reduced along too many dimensions (node 'c')");
}

}  // namespace tessera

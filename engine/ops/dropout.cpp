// dropout(x, step): attributes p and seed. The gradient is a dropout of dy with the same mask.
#include "engine/ops/dropout.h"

#include <cmath>

#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

std::vector<TensorSpec> infer(const InferContext& context) {
  ops::check_count(context, 2, 2);
  ops::check_input(context, 0, "input", DType::f32, -1);
  ops::check_input(context, 1, "step", DType::i32, 1);
  ops::check_shape(context, 1, "step", {1});
  const double p = context.attributes.number("p");
  ops::check(p >= 0 && p <= 1, "p is {}, expected 0 to 1", p);
  context.attributes.integer("seed");
  return {context.inputs[0]};
}

void gradient(GradientContext& context) {
  context.set(0, context.graph().add("dropout", {context.dy(), context.input(1)},
                                     context.attributes(), context.name("dx"))[0]);
}

std::optional<Var> find(Graph& graph, Role role, std::string_view name) {
  for (std::size_t i = 0; i < graph.values().size(); ++i)
    if (graph.values()[i].role == role && graph.values()[i].name == name)
      return Var(graph, static_cast<ValueId>(i));
  return {};
}

}  // namespace

DropoutMask dropout_mask(const Attributes& attributes) {
  const double p = attributes.number("p");
  return {static_cast<std::uint64_t>(attributes.integer("seed")),
          static_cast<std::uint32_t>(std::ceil(p * 0x1.0p24)),
          p < 1 ? static_cast<float>(1 / (1 - p)) : 0.0f};
}

Var step_counter(Graph& graph) {
  const auto found = find(graph, Role::state, step_name);
  return found ? *found : graph.state(step_name, {DType::i32, {1}});
}

Var draw_counter(Graph& graph) {
  const auto found = find(graph, Role::input, draw_name);
  return found ? *found : step_counter(graph);
}

Var dropout(Var x, Var step, double p, std::int64_t seed, std::string name) {
  return x.graph().add("dropout", {x, step}, {{"p", p}, {"seed", seed}}, std::move(name))[0];
}

std::vector<Op> ops::dropout_ops() {
  return {{.name = "dropout",
           .infer = infer,
           .gradient = gradient,
           .doc = {"y = x / (1 - p), or 0 with probability p; the mask comes from seed and step",
                   "x f32 [...], step i32 [1] -> y f32 [...]", "p, seed"}}};
}

}  // namespace tessera

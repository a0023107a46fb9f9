// Elementwise ops, generated from the table of formulas (engine/formulas/elementwise.h). The
// gradient of a repeated operand is summed over the repetitions.
#include "engine/ops/pointwise.h"

#include <fmt/format.h>

#include "engine/ops/broadcast.h"
#include "engine/ops/formulas.h"
#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

using formulas::Formula;

/// Returns the name of a variable for messages.
constexpr std::string_view called(std::string_view variable) {
  return variable == "x" ? "input" : variable;
}

template <const Formula& formula>
std::vector<TensorSpec> infer(const InferContext& context) {
  ops::check_count(context, formula.input_count(), formula.input_count());
  for (std::size_t i = 0; i < 2; ++i)
    if (formula.has_attribute(i)) context.attributes.number(formula.attributes[i]);
  Shape y;
  std::size_t i = 0;
  for (std::size_t slot = 0; slot < 3; ++slot) {
    if (!formula.reads(slot)) continue;
    const std::string name(called(formula.variables[slot]));
    ops::check_input(context, i, name.c_str(), DType::f32, -1);
    const Shape& shape = context.inputs[i].shape;
    const auto together = broadcast_shape(y, shape);
    if (formula.part == "dx" && i > 0) ops::check_shape(context, i, name.c_str(), y);
    ops::check(together.has_value(), "{} has shape {}, expected one that broadcasts with {}", name,
               to_string(shape), to_string(y));
    y = *together;
    if (name == "dy") ops::check_shape(context, i, "dy", y);
    ++i;
  }
  return {{DType::f32, y}};
}

/// Appends the node of a gradient; `values` are the values of its variables.
Var apply(const Formula& formula, GradientContext& context, const std::array<Var, 3>& values) {
  std::vector<Var> inputs;
  for (std::size_t i = 0; i < 3; ++i)
    if (formula.reads(i)) inputs.push_back(values[i]);
  std::map<std::string, Attribute, std::less<>> attributes;
  for (std::size_t i = 0; i < 2; ++i)
    if (formula.has_attribute(i))
      attributes.emplace(formula.attributes[i], context.attributes().number(formula.attributes[i]));
  return context.graph().add(formula.op, inputs, Attributes(std::move(attributes)),
                             context.name(formula.part))[0];
}

template <const Formula& dx>
void unary_gradient(GradientContext& context) {
  context.set(0, apply(dx, context, {context.input(0), context.output(0), context.dy()}));
}

template <const Formula& da, const Formula& db>
void binary_gradient(GradientContext& context) {
  const Formula* const formulas[] = {&da, &db};
  for (std::size_t i = 0; i < 2; ++i) {
    const Formula& formula = *formulas[i];
    if (!context.wants(i) || formula.expression == "0.0f") continue;
    const Var full =
        formula.is_trivial()
            ? context.dy()
            : apply(formula, context, {context.input(0), context.input(1), context.dy()});
    context.set(i, sum_to(full, context.input(i).shape(), context.name(formula.part)));
  }
}

void where_gradient(GradientContext& context) {
  const Var condition = context.input(0), dy = context.dy(), zero = context.graph().constant({}, 0);
  if (context.wants(0)) context.set(0, context.graph().constant(condition.shape(), 0));
  if (context.wants(1))
    context.set(1, sum_to(where(condition, dy, zero, context.name("da")), context.input(1).shape(),
                          context.name("da")));
  if (context.wants(2))
    context.set(2, sum_to(where(condition, zero, dy, context.name("db")), context.input(2).shape(),
                          context.name("db")));
}

/// Shapes for the documentation; only `where` has three operands.
template <const Formula& formula>
constexpr std::string_view shapes() {
  if (formula.part == "dx") return "f32 [...] each -> f32 [...]";
  if (formula.part != "y") return "a, b (broadcast), dy f32 [...] -> f32 [...]";
  if (formula.variables[0] == "x") return "x f32 [...] -> y f32 [...]";
  return "operands f32, which broadcast -> y f32 [...]";
}

template <const Formula& formula>
Op op(void (*gradient)(GradientContext&) = nullptr) {
  std::string attributes;
  for (std::size_t i = 0; i < 2; ++i)
    if (formula.has_attribute(i))
      attributes += fmt::format("{}{}", i > 0 ? ", " : "", formula.attributes[i]);
  return {.name = formula.op,
          .infer = infer<formula>,
          .gradient = gradient,
          .doc = {std::string(formula.expression), std::string(shapes<formula>()), attributes}};
}

Var number(Var beside, double value) { return beside.graph().constant({}, value); }

}  // namespace

Var sum_to(Var dy, Shape shape, const std::string& name) {
  const auto extra = static_cast<std::int64_t>(dy.shape().size() - shape.size());
  std::vector<std::int64_t> axes;
  for (std::int64_t axis = 0; axis < dy.spec().rank(); ++axis)
    if (axis < extra || (shape[static_cast<std::size_t>(axis - extra)] == 1 &&
                         dy.shape()[static_cast<std::size_t>(axis)] != 1))
      axes.push_back(axis);
  if (axes.empty()) return dy;
  return reshape(sum(dy, axes, {}, name), std::move(shape));
}

#define TESSERA_UNARY(NAME) \
  Var NAME(Var x, std::string name) { return x.graph().add(#NAME, {x}, {}, std::move(name))[0]; }
#define TESSERA_BINARY(NAME)                                     \
  Var NAME(Var a, Var b, std::string name) {                     \
    return a.graph().add(#NAME, {a, b}, {}, std::move(name))[0]; \
  }
#define TESSERA_WITH_NUMBER(NAME) \
  Var NAME(Var a, double b, std::string name) { return NAME(a, number(a, b), std::move(name)); }
TESSERA_UNARY(relu)
TESSERA_UNARY(relu6)
TESSERA_UNARY(gelu)
TESSERA_UNARY(gelu_tanh)
TESSERA_UNARY(silu)
TESSERA_UNARY(hardswish)
TESSERA_UNARY(hardsigmoid)
TESSERA_UNARY(sigmoid)
TESSERA_UNARY(tanh)
TESSERA_UNARY(mish)
TESSERA_UNARY(exp)
TESSERA_UNARY(erf)
TESSERA_UNARY(log)
TESSERA_UNARY(sqrt)
TESSERA_UNARY(rsqrt)
TESSERA_UNARY(abs)
TESSERA_UNARY(neg)
TESSERA_UNARY(square)
TESSERA_BINARY(add)
TESSERA_BINARY(sub)
TESSERA_BINARY(mul)
TESSERA_BINARY(div)
TESSERA_BINARY(pow)
TESSERA_BINARY(minimum)
TESSERA_BINARY(maximum)
TESSERA_BINARY(equal)
TESSERA_BINARY(not_equal)
TESSERA_BINARY(less)
TESSERA_BINARY(less_equal)
TESSERA_BINARY(greater)
TESSERA_BINARY(greater_equal)
TESSERA_WITH_NUMBER(add)
TESSERA_WITH_NUMBER(sub)
TESSERA_WITH_NUMBER(mul)
TESSERA_WITH_NUMBER(div)
TESSERA_WITH_NUMBER(pow)

Var prelu(Var x, Var weight, std::string name) {
  return x.graph().add("prelu", {x, weight}, {}, std::move(name))[0];
}

Var leaky_relu(Var x, double negative_slope, std::string name) {
  return x.graph().add("leaky_relu", {x}, {{"negative_slope", negative_slope}}, std::move(name))[0];
}

Var elu(Var x, double alpha, std::string name) {
  return x.graph().add("elu", {x}, {{"alpha", alpha}}, std::move(name))[0];
}

Var softplus(Var x, double beta, double threshold, std::string name) {
  return x.graph().add("softplus", {x}, {{"beta", beta}, {"threshold", threshold}},
                       std::move(name))[0];
}

Var clamp(Var x, double min, double max, std::string name) {
  return x.graph().add("clamp", {x}, {{"min", min}, {"max", max}}, std::move(name))[0];
}

Var where(Var condition, Var a, Var b, std::string name) {
  return a.graph().add("where", {condition, a, b}, {}, std::move(name))[0];
}

std::vector<Op> ops::pointwise_ops() {
  namespace f = formulas;
  std::vector<Op> list;
#define UNARY(NAME, P, Q, Y, DX)                                 \
  list.push_back(op<f::NAME##_y>(unary_gradient<f::NAME##_dx>)); \
  list.push_back(op<f::NAME##_dx>());
#define BINARY(NAME, Y, DA, DB)                                                 \
  list.push_back(op<f::NAME##_y>(binary_gradient<f::NAME##_da, f::NAME##_db>)); \
  if constexpr (!f::NAME##_da.is_trivial()) list.push_back(op<f::NAME##_da>()); \
  if constexpr (!f::NAME##_db.is_trivial()) list.push_back(op<f::NAME##_db>());
#define TERNARY(NAME, Y) list.push_back(op<f::NAME##_y>(NAME##_gradient));
#include "engine/formulas/elementwise.h"
#undef UNARY
#undef BINARY
#undef TERNARY
  return list;
}

}  // namespace tessera

// A fused group of elementwise ops whose intermediate results stay in registers or cache, with an
// optional reduction of the last one. Passes build it from single ops, after autograd.
#include "engine/ops/chain.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "engine/ops/broadcast.h"
#include "engine/ops/op_table.h"
#include "engine/ops/reduce.h"

namespace tessera {
namespace {

constexpr std::string_view reductions[] = {
#define REDUCTION(NAME, IDENTITY, TERM, COMBINE, FINISH) #NAME,
#include "engine/formulas/reductions.h"
#undef REDUCTION
};

/// Removes the text up to and including `end` from the front of `text`, and returns it without
/// `end`.
std::string_view take_until(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  const std::string_view front = text.substr(0, at);
  text.remove_prefix(at == text.npos ? text.size() : at + 1);
  return front;
}

template <typename T>
T to_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  ops::check(error == std::errc() && end == text.data() + text.size(),
             "program has '{}', expected a number", text);
  return value;
}

/// "x2", or "t0" of `steps` earlier ones.
ChainStep::Operand to_operand(std::string_view text, std::size_t steps) {
  ops::check(text.starts_with('x') || text.starts_with('t'),
             "program has '{}', expected an input or a result", text);
  const ChainStep::Operand operand{text[0] == 't', to_number<std::size_t>(text.substr(1))};
  const std::size_t count = operand.is_step ? steps : most_chain_inputs;
  ops::check(operand.index < count, "program has '{}' where there are {}", text, count);
  return operand;
}

/// Parses "add(x0,t1)" after `steps` earlier steps.
ChainStep to_step(std::string_view text, std::size_t steps) {
  const std::string_view op = take_until(text, '(');
  ChainStep step{formulas::find(op)};
  ops::check(step.formula != nullptr, "program has '{}', expected an elementwise op", op);
  ops::check(text.ends_with(')'), "program has no end of '{}'", op);
  text.remove_suffix(1);
  for (std::size_t i = 0; i < step.formula->input_count(); ++i)
    step.operands.push_back(to_operand(take_until(text, ','), steps));
  for (std::size_t i = 0; i < step.numbers.size(); ++i)
    if (step.formula->has_attribute(i)) step.numbers[i] = to_number<double>(take_until(text, ','));
  ops::check(text.empty(), "program has '{}' behind the operands of '{}'", text, op);
  return step;
}

Shape reduced(Shape shape, const std::vector<std::int64_t>& axes) {
  for (std::int64_t axis : axes) {
    ops::check(axis >= 0 && axis < static_cast<std::int64_t>(shape.size()),
               "axis is {}, expected 0 to {}", axis, static_cast<std::int64_t>(shape.size()) - 1);
    shape[static_cast<std::size_t>(axis)] = 1;
  }
  return shape;
}

Shape broadcast_all(const std::vector<Shape>& shapes) {
  Shape y;
  for (const Shape& shape : shapes) {
    const auto together = broadcast_shape(y, shape);
    ops::check(together.has_value(), "an input has shape {}, expected one that broadcasts with {}",
               to_string(shape), to_string(y));
    y = *together;
  }
  return y;
}

std::vector<TensorSpec> infer(const InferContext& context) {
  const Chain chain = to_chain(context.attributes);
  ops::check_count(context, chain.input_count(), chain.input_count());
  std::vector<Shape> shapes;
  for (std::size_t i = 0; i < context.inputs.size(); ++i) {
    ops::check_input(context, i, "input", DType::f32, -1);
    shapes.push_back(context.inputs[i].shape);
  }
  const Shape y = reduced(broadcast_all(shapes), chain.axes);
  ops::check(chain_geometry(shapes, chain.axes).has_value(),
             "inputs are repeated or reduced along too many dimensions");
  return {{DType::f32, y}};
}

}  // namespace

std::size_t Chain::input_count() const {
  std::size_t count = 0;
  for (const ChainStep& step : steps)
    for (const ChainStep::Operand& operand : step.operands)
      if (!operand.is_step) count = std::max(count, operand.index + 1);
  return count;
}

std::span<const std::string_view> chain_reductions() { return reductions; }

std::string to_string(std::span<const ChainStep> steps) {
  std::vector<std::string> calls;
  for (const ChainStep& step : steps) {
    std::vector<std::string> arguments;
    for (const ChainStep::Operand& operand : step.operands)
      arguments.push_back(fmt::format("{}{}", operand.is_step ? 't' : 'x', operand.index));
    for (std::size_t i = 0; i < step.numbers.size(); ++i)
      if (step.formula->has_attribute(i)) arguments.push_back(fmt::format("{}", step.numbers[i]));
    calls.push_back(fmt::format("{}({})", step.formula->op, fmt::join(arguments, ",")));
  }
  return fmt::format("{}", fmt::join(calls, " "));
}

Attributes to_attributes(const Chain& chain) {
  if (chain.reduction.empty()) return {{"program", to_string(chain.steps)}};
  return {{"program", to_string(chain.steps)},
          {"reduction", std::string(chain.reduction)},
          {"axes", chain.axes}};
}

Chain to_chain(const Attributes& attributes) {
  Chain chain;
  for (std::string_view rest = attributes.text("program"); !rest.empty();)
    chain.steps.push_back(to_step(take_until(rest, ' '), chain.steps.size()));
  ops::check(!chain.steps.empty() && chain.steps.size() <= most_chain_steps,
             "program has {} steps, expected 1 to {}", chain.steps.size(), most_chain_steps);
  if (!attributes.has("reduction")) return chain;
  const std::string& name = attributes.text("reduction");
  const auto* const found = std::find(std::begin(reductions), std::end(reductions), name);
  ops::check(found != std::end(reductions), "unknown reduction '{}'", name);
  chain.reduction = *found;
  chain.axes = attributes.integers("axes");
  return chain;
}

std::optional<ChainGeometry> chain_geometry(const std::vector<Shape>& inputs,
                                            const std::vector<std::int64_t>& axes) {
  using Reduces = ChainGeometry::Reduces;
  const Shape all = broadcast_all(inputs);
  // The result of the reduction counts as one more operand, which is repeated along the reduced
  // axes.
  std::vector<Shape> operands = inputs;
  operands.push_back(reduced(all, axes));
  const std::size_t y = inputs.size();
  std::vector<BroadcastDimension> dimensions = broadcast_dimensions(operands, all);
  if (dimensions.size() > 3) return {};
  dimensions.insert(dimensions.begin(), 3 - dimensions.size(),
                    {1, std::vector<std::int64_t>(operands.size(), 1)});
  std::array<bool, 3> is_reduced{};
  for (std::size_t d = 0; d < 3; ++d) is_reduced[d] = dimensions[d].steps[y] == 0;
  const auto count = std::count(is_reduced.begin(), is_reduced.end(), true);
  if (count != (axes.empty() ? 0 : 1) || is_reduced[0]) return {};
  ChainGeometry geometry{dimensions[0].size,
                         dimensions[1].size,
                         dimensions[2].size,
                         {},
                         is_reduced[1]   ? Reduces::middle
                         : is_reduced[2] ? Reduces::inner
                                         : Reduces::nothing};
  for (std::size_t i = 0; i < inputs.size(); ++i)
    geometry.steps.push_back(
        {dimensions[0].steps[i], dimensions[1].steps[i], dimensions[2].steps[i]});
  return geometry;
}

std::vector<Op> ops::chain_ops() {
  return {{.name = "chain",
           .infer = infer,
           .doc = {"t0 = f(x0, x1, ...), t1 = g(t0, ...), ...; y = the last, or its reduction",
                   "x0, x1, ... f32, which broadcast -> y f32 [...]",
                   "program (such as add(x0,x1) relu(t0)), reduction and axes (or neither)"}}};
}

}  // namespace tessera

#include "tessera/autograd.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/ops/op_table.h"
#include "tessera/error.h"
#include "tessera/ops.h"

namespace tessera {

GradientContext::GradientContext(Graph& graph, Node node,
                                 std::vector<std::optional<Var>> output_gradients,
                                 std::vector<bool> wanted)
    : graph_(graph),
      node_(std::move(node)),
      output_gradients_(std::move(output_gradients)),
      wanted_(std::move(wanted)),
      gradients_(node_.inputs.size()) {}

Var GradientContext::input(std::size_t i) const { return {graph_, node_.inputs.at(i)}; }
Var GradientContext::output(std::size_t i) const { return {graph_, node_.outputs.at(i)}; }
Var GradientContext::dy() const { return output_gradients_.at(0).value(); }
std::string GradientContext::name(std::string_view suffix) const {
  return fmt::format("{}.{}", node_.name, suffix);
}

namespace {

/// Returns for each value whether it depends on one of `wrt`.
std::vector<bool> dependents(const Graph& graph, const std::vector<Var>& wrt) {
  std::vector<bool> depends(graph.values().size(), false);
  for (const Var& var : wrt) depends[static_cast<std::size_t>(var.id())] = true;
  for (const Node& node : graph.nodes()) {
    const bool any = std::any_of(node.inputs.begin(), node.inputs.end(),
                                 [&](ValueId id) { return depends[static_cast<std::size_t>(id)]; });
    if (any)
      for (ValueId id : node.outputs) depends[static_cast<std::size_t>(id)] = true;
  }
  return depends;
}

/// The gradients so far, by value; adds the gradients of several uses of a value.
class Accumulator {
 public:
  explicit Accumulator(std::size_t values) : gradients_(values) {}

  void add(ValueId id, Var gradient) {
    auto& sum = gradients_[static_cast<std::size_t>(id)];
    sum = sum ? tessera::add(*sum, gradient) : gradient;
  }
  const std::optional<Var>& at(ValueId id) const {
    return gradients_[static_cast<std::size_t>(id)];
  }

 private:
  std::vector<std::optional<Var>> gradients_;
};

void check_gradient(const Graph& graph, const Node& node, ValueId input, const Var& gradient) {
  const Shape& expected = graph.value(input).spec.shape;
  if (gradient.shape() != expected)
    throw Error(std::string(node.op->name),
                fmt::format("gradient has shape {}, expected {} (node '{}')",
                            to_string(gradient.shape()), to_string(expected), node.name));
}

void back_through(Graph& graph, NodeId id, const std::vector<bool>& depends,
                  Accumulator& accumulator) {
  const Node node = graph.node(id);  // copied, since appending nodes moves the originals
  std::vector<std::optional<Var>> output_gradients;
  for (ValueId output : node.outputs) output_gradients.push_back(accumulator.at(output));
  // Else this gradient would be dropped silently, such as that of the probabilities next to a loss.
  for (std::size_t i = 1; i < output_gradients.size(); ++i)
    if (output_gradients[i])
      throw Error(std::string(node.op->name),
                  fmt::format("output {} is not differentiable (node '{}')", i, node.name));
  if (!output_gradients.at(0)) return;
  std::vector<bool> wanted;
  for (ValueId input : node.inputs) wanted.push_back(depends[static_cast<std::size_t>(input)]);
  if (std::none_of(wanted.begin(), wanted.end(), [](bool w) { return w; })) return;
  if (!node.op->gradient)
    throw Error(std::string(node.op->name), "is not differentiable (node '" + node.name + "')");
  GradientContext context(graph, node, std::move(output_gradients), wanted);
  node.op->gradient(context);
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const auto& gradient = context.gradients()[i];
    if (!wanted[i] || !gradient) continue;
    check_gradient(graph, node, node.inputs[i], *gradient);
    accumulator.add(node.inputs[i], *gradient);
  }
}

std::vector<std::optional<Var>> find_gradients(Var y, Var dy, const std::vector<Var>& wrt) {
  Graph& graph = y.graph();
  if (dy.shape() != y.shape())
    throw Error("gradients", fmt::format("dy has shape {}, expected {}", to_string(dy.shape()),
                                         to_string(y.shape())));
  const std::vector<bool> depends = dependents(graph, wrt);
  Accumulator accumulator(graph.values().size());
  accumulator.add(y.id(), dy);
  for (auto id = static_cast<NodeId>(graph.nodes().size()) - 1; id >= 0; --id)
    back_through(graph, id, depends, accumulator);
  std::vector<std::optional<Var>> result;
  for (const Var& var : wrt) result.push_back(accumulator.at(var.id()));
  return result;
}

Var weight_of(Var loss) {
  if (loss.spec().elements() != 1)
    throw Error("gradients", "the loss has shape " + to_string(loss.shape()) + ", expected [1]");
  return loss.graph().constant(loss.shape(), 1.0);
}

}  // namespace

std::vector<Var> gradients(Var y, Var dy, const std::vector<Var>& wrt) {
  const std::vector<std::optional<Var>> found = find_gradients(y, dy, wrt);
  std::vector<Var> result;
  for (std::size_t i = 0; i < wrt.size(); ++i) {
    if (!found[i])
      throw Error("gradients",
                  "'" + y.graph().value(wrt[i].id()).name + "' does not reach the loss");
    result.push_back(*found[i]);
  }
  return result;
}

std::vector<Var> gradients(Var loss, const std::vector<Var>& wrt) {
  return gradients(loss, weight_of(loss), wrt);
}

std::vector<std::optional<Var>> gradients_if_any(Var loss, const std::vector<Var>& wrt,
                                                 std::optional<Var> weight) {
  return find_gradients(loss, weight ? *weight : weight_of(loss), wrt);
}

bool passes_gradients(const Op& op) {
  return op.gradient != nullptr && op.gradient != ops::no_gradient;
}

void remove_dead_nodes(Graph& graph) {
  std::vector<bool> needed(graph.values().size(), false);
  for (const auto& output : graph.outputs()) needed[static_cast<std::size_t>(output.value)] = true;
  std::vector<bool> keep(graph.nodes().size(), false);
  for (std::size_t i = graph.nodes().size(); i-- > 0;) {
    const Node& node = graph.nodes()[i];
    keep[i] = !node.op->updates.empty() ||
              std::any_of(node.outputs.begin(), node.outputs.end(),
                          [&](ValueId id) { return needed[static_cast<std::size_t>(id)]; });
    if (keep[i])
      for (ValueId input : node.inputs) needed[static_cast<std::size_t>(input)] = true;
  }
  graph.keep_nodes(keep);
}

}  // namespace tessera

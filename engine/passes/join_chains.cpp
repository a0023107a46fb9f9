// Elementwise fusion: joins elementwise ops into one node, which keeps intermediate results in
// registers or cache. A fused group grows backward from its last op; nodes that it absorbs have no
// other readers.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "engine/ops/broadcast.h"
#include "engine/ops/chain.h"
#include "engine/passes/passes.h"
#include "engine/passes/storage.h"
#include "engine/passes/uses.h"
#include "tessera/op.h"

namespace tessera {
namespace {

using formulas::Formula;

bool is_reduction(const Node& node) {
  for (std::string_view name : chain_reductions())
    if (node.op->name == name) return true;
  return false;
}

bool is_expansion(const Node& node) { return node.op->name == "expand"; }

/// The nodes of a fused group, in order.
using Group = std::set<NodeId>;

/// A chain and its inputs.
struct Draft {
  Chain chain;
  std::vector<ValueId> inputs;
};

class Joiner {
 public:
  explicit Joiner(const Graph& graph)
      : graph_(graph), uses_(graph), storage_(graph), taken_(graph.nodes().size()) {}

  /// Returns the group that ends with a node, or nothing.
  Group take_group(NodeId last) {
    if (taken_[static_cast<std::size_t>(last)] || !ends_chain(graph_.node(last))) return {};
    Group group = {last};
    // Backward from the last op, so that all readers of a value are visited before it.
    for (NodeId id = last; id >= 0; --id)
      if (fits(group, id)) group.insert(id);
    if (group.size() < 2) return {};
    for (NodeId id : group) taken_[static_cast<std::size_t>(id)] = true;
    return group;
  }

  /// Returns the node that replaces a group.
  Node joined(const Group& group) const {
    const Node& last = graph_.node(*group.rbegin());
    Draft draft = draft_of(group).value();
    return {&find_op("chain"), fmt::format("{} and {} before", last.name, group.size() - 1),
            to_attributes(draft.chain), std::move(draft.inputs), last.outputs};
  }

 private:
  static bool ends_chain(const Node& node) {
    return formulas::find(node.op->name) || is_reduction(node);
  }

  const Shape& shape_of(ValueId value) const { return graph_.value(value).spec.shape; }

  /// Whether the group may absorb a node before it.
  bool fits(const Group& group, NodeId id) const {
    const Node& node = graph_.node(id);
    const auto& readers = uses_.readers(node.outputs[0]);
    const bool read_inside = std::all_of(readers.begin(), readers.end(),
                                         [&](NodeId reader) { return group.contains(reader); });
    if (readers.empty() || !read_inside || taken_[static_cast<std::size_t>(id)]) return false;
    const Formula* const formula = formulas::find(node.op->name);
    if (!formula && !is_expansion(node)) return false;
    // A value that is repeated later is recomputed for each element: only for cheap ops.
    constexpr double cheap_ns = 0.5;
    if (formula && formula->cost_ns() > cheap_ns && is_repeated(node, group)) return false;
    if (storage_.is_updated(node.inputs, id, *group.rbegin())) return false;
    Group larger = group;
    larger.insert(id);
    return draft_of(larger).has_value();
  }

  bool is_repeated(const Node& node, const Group& group) const {
    return element_count(shape_of(node.outputs[0])) < element_count(full_shape(group));
  }

  /// Returns the shape of the elements that the chain computes.
  const Shape& full_shape(const Group& group) const {
    const Node& last = graph_.node(*group.rbegin());
    return shape_of(is_reduction(last) ? last.inputs[0] : last.outputs[0]);
  }

  /// Returns nothing if there is no such chain.
  std::optional<Draft> draft_of(const Group& group) const {
    Draft draft;
    std::map<ValueId, ValueId> expanded;  // to the value before the expansion
    std::map<ValueId, ChainStep::Operand> known;
    const auto operand_of = [&](ValueId value) {
      while (expanded.contains(value)) value = expanded[value];
      if (!known.contains(value)) {
        known[value] = {false, draft.inputs.size()};
        draft.inputs.push_back(value);
      }
      return known[value];
    };
    for (NodeId id : group) {
      const Node& node = graph_.node(id);
      if (is_expansion(node)) {
        expanded[node.outputs[0]] = node.inputs[0];
      } else if (is_reduction(node)) {
        draft.chain.reduction = node.op->name;
        draft.chain.axes = node.attributes.integers("axes");
      } else {
        ChainStep step{formulas::find(node.op->name)};
        for (ValueId input : node.inputs) step.operands.push_back(operand_of(input));
        for (std::size_t i = 0; i < step.numbers.size(); ++i)
          if (step.formula->has_attribute(i))
            step.numbers[i] = node.attributes.number(step.formula->attributes[i]);
        known[node.outputs[0]] = {true, draft.chain.steps.size()};
        draft.chain.steps.push_back(std::move(step));
      }
    }
    if (is_possible(draft, full_shape(group))) return draft;
    return {};
  }

  bool is_possible(const Draft& draft, const Shape& full) const {
    const std::size_t steps = draft.chain.steps.size();
    if (steps == 0 || steps > most_chain_steps || draft.inputs.size() > most_chain_inputs)
      return false;
    std::vector<Shape> shapes;
    Shape together;
    for (ValueId input : draft.inputs) {
      shapes.push_back(shape_of(input));
      together = broadcast_shape(together, shapes.back()).value();
    }
    return together == full && chain_geometry(shapes, draft.chain.axes).has_value();
  }

  const Graph& graph_;
  Uses uses_;
  Storage storage_;
  std::vector<bool> taken_;
};

}  // namespace

void join_chains(Graph& graph) {
  Joiner joiner(graph);
  std::vector<Node> nodes = graph.nodes();
  std::vector<bool> keep(nodes.size(), true);
  for (auto last = static_cast<NodeId>(nodes.size()) - 1; last >= 0; --last) {
    const Group group = joiner.take_group(last);
    if (group.empty()) continue;
    for (NodeId id : group) keep[static_cast<std::size_t>(id)] = id == last;
    nodes[static_cast<std::size_t>(last)] = joiner.joined(group);
  }
  std::vector<Node> kept;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (keep[i]) kept.push_back(std::move(nodes[i]));
  graph.set_nodes(std::move(kept));
}

}  // namespace tessera

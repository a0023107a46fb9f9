// Replaces the sum of the gradients of disjoint slices, each padded with zeros, with one concat.
#include <algorithm>
#include <optional>

#include "engine/passes/passes.h"
#include "engine/passes/storage.h"
#include "engine/passes/uses.h"
#include "tessera/op.h"

namespace tessera {
namespace {

bool is(const Node& node, std::string_view op) { return node.op->name == op; }

class Joiner {
 public:
  explicit Joiner(const Graph& graph) : graph_(graph), uses_(graph), storage_(graph) {}

  /// The nodes of a sum of gradients of slices: first the slices, sorted by position.
  struct Sum {
    std::vector<NodeId> slices, additions;
  };

  /// Returns the sum that ends with an addition; nothing if it is another sum or part of a larger
  /// one.
  std::optional<Sum> sum_of(NodeId last) const {
    const NodeId reader = uses_.only_reader(graph_.node(last).outputs[0]);
    if (!is(graph_.node(last), "add") || (reader != no_node && is(graph_.node(reader), "add")))
      return {};
    Sum sum{{}, {last}};
    for (std::size_t i = 0; i < sum.additions.size(); ++i)
      for (ValueId term : graph_.node(sum.additions[i]).inputs)
        if (!take(term, sum)) return {};
    std::sort(sum.slices.begin(), sum.slices.end(),
              [&](NodeId a, NodeId b) { return start(a) < start(b); });
    const bool is_updated = std::any_of(sum.slices.begin(), sum.slices.end(), [&](NodeId slice) {
      return storage_.is_updated(graph_.node(slice).inputs, slice, last);
    });
    if (is_updated || !divide(sum.slices)) return {};
    return sum;
  }

  Node joined(const Sum& sum) const {
    Node node = graph_.node(sum.additions[0]);
    node.op = &find_op("concat");
    node.attributes = Attributes({{"axis", attribute(sum.slices[0], "axis")}});
    node.inputs.clear();
    for (NodeId slice : sum.slices) node.inputs.push_back(graph_.node(slice).inputs[0]);
    return node;
  }

 private:
  std::int64_t attribute(NodeId node, std::string_view name) const {
    return graph_.node(node).attributes.integer(name);
  }
  const TensorSpec& spec(NodeId node) const {
    return graph_.value(graph_.node(node).outputs[0]).spec;
  }
  std::int64_t start(NodeId slice) const { return attribute(slice, "start"); }

  /// Whether a term is the gradient of a slice, or a sum of such gradients, that only this sum
  /// reads.
  bool take(ValueId term, Sum& sum) const {
    const Value& value = graph_.value(term);
    if (value.role != Role::activation || uses_.only_reader(term) == no_node) return false;
    const Node& producer = graph_.node(value.producer);
    if (is(producer, "slice_dx"))
      sum.slices.push_back(value.producer);
    else if (is(producer, "add"))
      sum.additions.push_back(value.producer);
    else
      return false;
    return true;
  }

  /// Whether the slices cover one axis from its start to its end, without overlap.
  bool divide(const std::vector<NodeId>& slices) const {
    std::int64_t next = 0;
    for (NodeId slice : slices) {
      if (spec(slice) != spec(slices[0]) ||
          attribute(slice, "axis") != attribute(slices[0], "axis") ||
          attribute(slice, "step") != 1 || start(slice) != next)
        return false;
      next += attribute(slice, "size");
    }
    return next == attribute(slices[0], "input_size");
  }

  const Graph& graph_;
  Uses uses_;
  Storage storage_;
};

}  // namespace

void join_slices(Graph& graph) {
  const Joiner joiner(graph);
  std::vector<Node> nodes = graph.nodes();
  std::vector<bool> keep(nodes.size(), true);
  for (NodeId last = 0; last < static_cast<NodeId>(nodes.size()); ++last) {
    const auto sum = joiner.sum_of(last);
    if (!sum) continue;
    for (const auto* part : {&sum->slices, &sum->additions})
      for (NodeId id : *part) keep[static_cast<std::size_t>(id)] = id == last;
    nodes[static_cast<std::size_t>(last)] = joiner.joined(*sum);
  }
  std::vector<Node> kept;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (keep[i]) kept.push_back(std::move(nodes[i]));
  graph.set_nodes(std::move(kept));
}

}  // namespace tessera

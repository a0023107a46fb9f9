// Fuses the residual and the activation after a norm, a convolution or a matrix product into it.
#include "tessera/fuse.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "engine/ops/epilogue.h"
#include "engine/ops/normalization.h"
#include "engine/passes/storage.h"
#include "engine/passes/uses.h"
#include "tessera/op.h"

namespace tessera {
namespace {

/// A node and the nodes after it that can be fused into it.
struct Group {
  std::vector<NodeId> behind;          ///< the last one returns the result
  std::vector<ValueId> residual = {};  ///< one or none
  std::string_view activation = {};
};

/// Returns the other operand of an addition to `value`, if it has the same shape.
std::vector<ValueId> added_to(const Graph& graph, const Node& addition, ValueId value) {
  const ValueId other = addition.inputs[addition.inputs[0] == value ? 1 : 0];
  if (graph.value(other).spec != graph.value(value).spec) return {};
  return {other};
}

Group group_behind(const Graph& graph, const Uses& uses, NodeId first) {
  Group group;
  ValueId value = graph.node(first).outputs[0];
  NodeId next = uses.only_reader(value);
  const auto take = [&] {
    group.behind.push_back(next);
    value = graph.node(next).outputs[0];
    next = uses.only_reader(value);
  };
  if (next != no_node && graph.node(next).op->name == "add") {
    group.residual = added_to(graph, graph.node(next), value);
    if (group.residual.empty()) return group;
    take();
  }
  if (next != no_node && is_clamp(graph.node(next).op->name)) {
    group.activation = graph.node(next).op->name;
    take();
  }
  return group;
}

/// Whether the node can move to the place of the last node of the group: all readers of its other
/// outputs come later, and no node in between overwrites its inputs or the residual. The residual
/// is computed by then, since the addition reads it.
bool can_move(const Graph& graph, const Uses& uses, const Storage& storage, NodeId id,
              const Group& group) {
  const Node& node = graph.node(id);
  const NodeId last = group.behind.back();
  for (std::size_t i = 1; i < node.outputs.size(); ++i)
    if (!uses.all_after(node.outputs[i], last)) return false;
  return !storage.is_updated(node.inputs, id, last) &&
         !storage.is_updated(group.residual, group.behind[0], last);
}

bool has_residual(const Graph& graph, const Node& node) {
  const std::size_t count = node.inputs.size();
  if (node.op->name != "conv2d" && node.op->name != "matmul")
    return BatchNormInputs(count).residual > 0;
  return EpilogueInputs(count, count > 2 ? graph.value(node.inputs[2]).spec.rank() : 0).residual >
         0;
}

bool takes_more(const Graph& graph, const Node& node) {
  constexpr std::array ops = {"batch_norm", "batch_norm_inference", "conv2d", "matmul"};
  return std::find(ops.begin(), ops.end(), node.op->name) != ops.end() &&
         !node.attributes.has("activation") && !has_residual(graph, node);
}

/// Returns `node`, moved to the place of the last node of the group.
Node fused(Node node, const Group& group, ValueId result) {
  node.inputs.insert(node.inputs.end(), group.residual.begin(), group.residual.end());
  if (!group.activation.empty()) {
    auto attributes = node.attributes.all();
    attributes["activation"] = std::string(group.activation);
    node.attributes = Attributes(std::move(attributes));
  }
  node.outputs[0] = result;
  return node;
}

}  // namespace

void fuse(Graph& graph) {
  const Uses uses(graph);
  const Storage storage(graph);
  std::vector<Node> nodes = graph.nodes();
  std::vector<bool> keep(nodes.size(), true), taken(nodes.size(), false);
  // Backward, so that if two products are added, the addition is fused into the second one. The
  // first must ignore it then, although `uses` still lists the addition.
  for (auto id = static_cast<NodeId>(nodes.size()) - 1; id >= 0; --id) {
    const auto at = static_cast<std::size_t>(id);
    if (!keep[at] || !takes_more(graph, nodes[at])) continue;
    const Group group = group_behind(graph, uses, id);
    if (group.behind.empty() || taken[static_cast<std::size_t>(group.behind[0])]) continue;
    if (!can_move(graph, uses, storage, id, group)) continue;
    const auto result = static_cast<std::size_t>(group.behind.back());
    nodes[result] = fused(nodes[at], group, nodes[result].outputs[0]);
    keep[at] = false;
    for (NodeId behind : group.behind) {
      taken[static_cast<std::size_t>(behind)] = true;
      keep[static_cast<std::size_t>(behind)] = behind == group.behind.back();
    }
  }
  std::vector<Node> kept;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (keep[i]) kept.push_back(std::move(nodes[i]));
  graph.set_nodes(std::move(kept));
}

}  // namespace tessera

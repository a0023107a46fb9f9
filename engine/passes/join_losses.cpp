// Joins a loss and its gradient into one node, which stores no probabilities.
#include "engine/passes/passes.h"
#include "engine/passes/uses.h"
#include "tessera/op.h"

namespace tessera {
namespace {

/// Whether a value is computed before `node` runs.
bool is_before(const Graph& graph, ValueId value, NodeId node) {
  const Value& v = graph.value(value);
  return v.role != Role::activation || v.producer < node;
}

/// Returns the node that computes the gradient of a loss, if the two can be joined; else no_node.
NodeId gradient_of(const Graph& graph, const Uses& uses, NodeId loss) {
  const Node& node = graph.node(loss);
  if (node.op->name != "softmax_cross_entropy") return no_node;
  const ValueId probabilities = node.outputs[1];
  const NodeId reader = uses.only_reader(probabilities);
  if (reader == no_node) return no_node;
  const Node& gradient = graph.node(reader);
  const bool fits = gradient.op->name == "softmax_cross_entropy_dx" &&
                    gradient.inputs[0] == probabilities && gradient.inputs[1] == node.inputs[1] &&
                    is_before(graph, gradient.inputs[2], loss);
  return fits ? reader : no_node;
}

}  // namespace

void join_losses(Graph& graph) {
  const Uses uses(graph);
  std::vector<Node> nodes = graph.nodes();
  std::vector<bool> keep(nodes.size(), true);
  for (NodeId id = 0; id < static_cast<NodeId>(nodes.size()); ++id) {
    const NodeId gradient = gradient_of(graph, uses, id);
    if (gradient == no_node) continue;
    Node& node = nodes[static_cast<std::size_t>(id)];
    const Node& dx = graph.node(gradient);
    node.op = &find_op("softmax_cross_entropy_and_dx");
    node.inputs.push_back(dx.inputs[2]);
    node.outputs[1] = dx.outputs[0];
    keep[static_cast<std::size_t>(gradient)] = false;
  }
  std::vector<Node> kept;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (keep[i]) kept.push_back(std::move(nodes[i]));
  graph.set_nodes(std::move(kept));
}

}  // namespace tessera

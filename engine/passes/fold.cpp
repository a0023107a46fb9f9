// Folds a batch norm with constant statistics into the filters and the bias of the preceding
// product.
#include <algorithm>

#include "engine/ops/epilogue.h"
#include "engine/ops/normalization.h"
#include "engine/passes/uses.h"
#include "tessera/fuse.h"
#include "tessera/op.h"

namespace tessera {
namespace {

bool is_held(const Graph& graph, ValueId value) {
  const Role role = graph.value(value).role;
  return role == Role::parameter || role == Role::state || role == Role::constant;
}

/// Whether the first dimension of input 1 is the channels of the result.
bool has_filters(const Graph& graph, const Node& node) {
  return node.op->name == "conv2d" ||
         (node.op->name == "matmul" && node.attributes.integer("transpose_b") == 1 &&
          graph.value(node.inputs[1]).spec.rank() == 2);
}

/// Returns the product into whose filters a norm can be folded, or no_node.
NodeId product_before(const Graph& graph, const Uses& uses, NodeId norm) {
  const Node& node = graph.node(norm);
  const NodeId id = graph.value(node.inputs[0]).producer;
  if (node.op->name != "batch_norm_inference" || id == no_node) return no_node;
  const BatchNormInputs norm_inputs(node.inputs.size());
  if (node.attributes.has("activation") || norm_inputs.residual > 0) return no_node;
  const Node& product = graph.node(id);
  const std::size_t count = product.inputs.size();
  const std::int64_t rank = count > 2 ? graph.value(product.inputs[2]).spec.rank() : 0;
  if (!has_filters(graph, product) || product.attributes.has("activation") ||
      EpilogueInputs(count, rank).residual > 0)
    return no_node;
  const auto held = [&](ValueId value) { return is_held(graph, value); };
  const bool fits = uses.only_reader(node.inputs[0]) == norm &&
                    uses.readers(node.outputs[1]).empty() &&
                    std::all_of(product.inputs.begin() + 1, product.inputs.end(), held) &&
                    std::all_of(node.inputs.begin() + 1, node.inputs.end(), held);
  return fits ? id : no_node;
}

/// Appends the fold to the graph, with the norm's statistics and the product's bias.
Node append_fold(Graph& graph, const Node& product, const Node& norm) {
  std::vector<Var> inputs = {Var(graph, product.inputs[1])};
  for (std::size_t i = 1; i < norm.inputs.size(); ++i) inputs.emplace_back(graph, norm.inputs[i]);
  if (product.inputs.size() == 3) inputs.emplace_back(graph, product.inputs[2]);
  graph.add("fold_batch_norm", inputs, {{"eps", norm.attributes.number("eps")}},
            norm.name + ".fold");
  return graph.nodes().back();
}

}  // namespace

void fold_norms(Graph& graph) {
  const Uses uses(graph);
  const std::vector<Node> nodes = graph.nodes();
  std::vector<Node> kept;
  std::vector<NodeId> product_of(nodes.size(), no_node);  // of a norm
  std::vector<NodeId> norm_of(nodes.size(), no_node);     // of a product
  for (NodeId id = 0; id < static_cast<NodeId>(nodes.size()); ++id) {
    const NodeId product = product_before(graph, uses, id);
    if (product == no_node) continue;
    product_of[static_cast<std::size_t>(id)] = product;
    norm_of[static_cast<std::size_t>(product)] = id;
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (product_of[i] != no_node) continue;
    Node node = nodes[i];
    if (norm_of[i] != no_node) {
      const Node& norm = nodes[static_cast<std::size_t>(norm_of[i])];
      kept.push_back(append_fold(graph, node, norm));
      node.inputs = {node.inputs[0], kept.back().outputs[0], kept.back().outputs[1]};
      node.outputs = {norm.outputs[0]};
    }
    kept.push_back(std::move(node));
  }
  graph.set_nodes(std::move(kept));
}

}  // namespace tessera

#include "backends/common/node_view.h"

#include <fmt/format.h>

namespace tessera {

NodeView::NodeView(const Graph& graph, NodeId id, Parameters parameters, const Piece& piece)
    : graph_(&graph), id_(id), node_(&graph.node(id)), parameters_(std::move(parameters)) {
  const auto specs = [&](const std::vector<ValueId>& ids, const auto& is_by_row) {
    std::vector<TensorSpec> all;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      all.push_back(graph.value(ids[i]).spec);
      if (!piece.is_whole() && is_by_row(i)) all.back().shape[0] = piece.count;
    }
    return all;
  };
  input_specs_ = specs(node_->inputs, [&](std::size_t i) { return bool{piece.inputs[i]}; });
  output_specs_ = specs(node_->outputs, [](std::size_t) { return true; });
}

std::int64_t NodeView::parameter(std::string_view name, std::int64_t untuned) const {
  const auto found = parameters_.find(name);
  return found == parameters_.end() ? untuned : found->second;
}

TooLarge::TooLarge(const NodeView& node, std::string reason)
    : Error(std::string(node.op_name()), fmt::format("{} (node '{}')", reason, node.node().name)),
      reason_(std::move(reason)) {}

}  // namespace tessera

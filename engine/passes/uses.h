// Which nodes read each value of a graph.
#pragma once

#include <algorithm>
#include <vector>

#include "tessera/graph.h"

namespace tessera {

class Uses {
 public:
  explicit Uses(const Graph& graph) : readers_(graph.values().size()) {
    for (std::size_t i = 0; i < graph.nodes().size(); ++i)
      for (ValueId input : graph.nodes()[i].inputs) of(input).push_back(static_cast<NodeId>(i));
    for (const Graph::Output& output : graph.outputs()) of(output.value).push_back(no_node);
  }
  /// Returns the only reader of a value if it reads it once; else no_node.
  NodeId only_reader(ValueId value) const {
    const auto& readers = readers_[static_cast<std::size_t>(value)];
    return readers.size() == 1 ? readers[0] : no_node;
  }
  /// The readers of each value, once per read; no_node for outputs of the graph.
  const std::vector<NodeId>& readers(ValueId value) const {
    return readers_[static_cast<std::size_t>(value)];
  }
  /// Whether all readers of a value come after the node.
  bool all_after(ValueId value, NodeId node) const {
    return std::all_of(readers(value).begin(), readers(value).end(),
                       [&](NodeId reader) { return reader == no_node || reader > node; });
  }

 private:
  std::vector<NodeId>& of(ValueId value) { return readers_[static_cast<std::size_t>(value)]; }
  std::vector<std::vector<NodeId>> readers_;
};

}  // namespace tessera

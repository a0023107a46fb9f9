// Which nodes read each value of a graph.
#pragma once

#include <algorithm>
#include <vector>

#include "tessera/graph.h"

namespace tessera {

class Uses {
 public:
  explicit Uses(const Graph& graph)
      : readers_(graph.values().size()), is_output_(graph.values().size(), false) {
    for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id)
      for (ValueId input : graph.node(id).inputs) {
        std::vector<NodeId>& readers = readers_[static_cast<std::size_t>(input)];
        if (readers.empty() || readers.back() != id) readers.push_back(id);
      }
    for (const Graph::Output& output : graph.outputs())
      is_output_[static_cast<std::size_t>(output.value)] = true;
  }
  /// Each once, in order.
  const std::vector<NodeId>& readers(ValueId value) const {
    return readers_[static_cast<std::size_t>(value)];
  }
  /// Nobody else sees the value: no other node, and it is no output of the graph.
  bool reads_alone(NodeId node, ValueId value) const {
    return !is_output_[static_cast<std::size_t>(value)] && readers(value) == std::vector{node};
  }

 private:
  std::vector<std::vector<NodeId>> readers_;
  std::vector<bool> is_output_;
};

}  // namespace tessera

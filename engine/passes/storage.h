// The storage of the values of a graph and the nodes that overwrite it, for passes that move nodes.
#pragma once

#include <algorithm>
#include <vector>

#include "tessera/graph.h"
#include "tessera/op.h"

namespace tessera {

class Storage {
 public:
  explicit Storage(const Graph& graph)
      : roots_(graph.values().size()), updates_(graph.values().size()) {
    for (std::size_t i = 0; i < roots_.size(); ++i) roots_[i] = static_cast<ValueId>(i);
    for (std::size_t i = 0; i < graph.nodes().size(); ++i)
      add(graph.nodes()[i], static_cast<NodeId>(i));
  }
  /// Returns the value whose storage a value shares, as in the plan.
  ValueId root(ValueId value) const { return roots_[index(value)]; }
  /// Whether a node between `first` and `last` overwrites one of `values` or its storage. If so, a
  /// reader of them must not move from `first` to `last`.
  bool is_updated(const std::vector<ValueId>& values, NodeId first, NodeId last) const {
    return std::any_of(values.begin(), values.end(), [&](ValueId value) {
      const auto& updates = updates_[index(root(value))];
      const auto next = std::upper_bound(updates.begin(), updates.end(), first);
      return next != updates.end() && *next < last;
    });
  }

 private:
  static std::size_t index(ValueId value) { return static_cast<std::size_t>(value); }

  void add(const Node& node, NodeId id) {
    if (node.op->is_view) roots_[index(node.outputs[0])] = root(node.inputs[0]);
    for (const Alias& alias : updates_of(*node.op, node.outputs.size())) {
      const ValueId updated = root(node.inputs[index(alias.input)]);
      roots_[index(node.outputs[index(alias.output)])] = updated;
      updates_[index(updated)].push_back(id);
    }
  }

  std::vector<ValueId> roots_;
  std::vector<std::vector<NodeId>> updates_;  ///< by root: the nodes that overwrite it, in order
};

}  // namespace tessera

// A plan: a graph with the memory of every value decided. Activations and inputs share arenas; two
// values share bytes when their lifetimes do not overlap.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/graph.h"

namespace tessera {

/// How values are placed.
struct PlanOptions {
  std::size_t alignment = 256;  ///< bytes; at least the device's buffer alignment
  std::size_t guard_bytes = 0;  ///< unused bytes after each value, which tests watch
  bool reuse_memory = true;
  /// Bytes of an arena at most: what the device allocates at once (Device::plan_options).
  std::size_t largest_arena = std::numeric_limits<std::size_t>::max();
};

/// Where a value lies.
struct Placement {
  ValueId root = -1;       ///< the value whose storage this is: itself unless a view or an update
  bool in_arena = false;   ///< else parameter, state or constant
  std::size_t arena = 0;   ///< index of its arena
  std::size_t offset = 0;  ///< bytes from the start of the arena
  bool used = false;       ///< some node or output touches it
};

/// A graph and where its values lie.
class TESSERA_API Plan {
 public:
  /// Throws Error when a node reads a parameter or state after its update, or when a value is
  /// larger than an arena may be.
  explicit Plan(Graph graph, const PlanOptions& options = {});

  /// The graph it was made from.
  const Graph& graph() const { return graph_; }
  /// Where a value lies.
  const Placement& placement(ValueId value) const;
  /// Bytes of each arena. There is one if that is not too large for the device, and none if no
  /// value lies in an arena.
  const std::vector<std::size_t>& arenas() const { return arenas_; }
  /// Bytes of all arenas.
  std::size_t arena_bytes() const;
  /// As they were given.
  const PlanOptions& options() const { return options_; }
  /// The parameters and states that the plan uses, in graph order.
  const std::vector<ValueId>& persistent() const { return persistent_; }
  /// The constants that the plan uses, in graph order.
  const std::vector<ValueId>& constants() const { return constants_; }
  /// Whether a value changes only when parameters or states do: those, constants, and what nodes
  /// make of them. In a graph that updates some, none is.
  bool is_fixed(ValueId value) const { return fixed_.at(static_cast<std::size_t>(value)); }
  /// Whether a node makes fixed values, which stay from run to run.
  bool runs_once(NodeId node) const { return is_fixed(graph_.node(node).outputs.at(0)); }
  /// Why a node has nothing to run: it is a view, or all it gives is tensors without elements; else
  /// empty.
  std::string_view idle(NodeId node) const;
  /// Whether some node writes over parameters or states.
  bool updates() const { return updates_; }

 private:
  void find_fixed();
  void resolve_roots();
  void place_arenas();

  Graph graph_;
  PlanOptions options_;
  std::vector<Placement> placements_;
  std::vector<ValueId> persistent_;
  std::vector<ValueId> constants_;
  std::vector<bool> fixed_;
  bool updates_ = false;
  std::vector<std::size_t> arenas_;
};

}  // namespace tessera

// The ops of a graph by name, for tests of passes.
#pragma once

#include <string_view>
#include <vector>

#include "tessera/graph.h"
#include "tessera/op.h"

namespace tessera {

using Names = std::vector<std::string_view>;

inline Names ops_of(const Graph& graph) {
  Names names;
  for (const Node& node : graph.nodes()) names.push_back(node.op->name);
  return names;
}

}  // namespace tessera

// A node of a custom op as the program sees it, the same on each backend.
#pragma once

#include "tessera/custom_op.h"
#include "tessera/graph.h"

namespace tessera {

inline CustomNode custom_node(const Graph& graph, const Node& node) {
  CustomNode found;
  found.attributes = node.attributes;
  for (ValueId input : node.inputs) found.inputs.push_back(graph.value(input).spec);
  for (ValueId output : node.outputs) found.outputs.push_back(graph.value(output).spec);
  return found;
}

}  // namespace tessera

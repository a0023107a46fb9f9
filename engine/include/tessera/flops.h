// Counts floating-point operations from the shapes of a graph.
#pragma once

#include "tessera/graph.h"

namespace tessera {

/// Returns the floating-point operations of a node. Convolutions, their gradients and matmul count
/// two for each multiply-add, including taps in the padding, but not biases. Views and ops that
/// only move elements count none. All other ops count one for each element of the largest input or
/// output.
TESSERA_API double flops(const Graph& graph, const Node& node);
/// Returns the floating-point operations of all nodes.
TESSERA_API double flops(const Graph& graph);

}  // namespace tessera

// How much there is to compute, by the shapes of a graph.
#pragma once

#include "tessera/graph.h"

namespace tessera {

/// Floating-point operations of a node. Products (convolutions, their gradients, matmul) have two
/// for each multiply-add, taps in the padding included, biases not; views and ops that only move
/// elements have none; all others one for each element of the largest of their inputs and outputs.
TESSERA_API double flops(const Graph& graph, const Node& node);
/// Of all nodes.
TESSERA_API double flops(const Graph& graph);

}  // namespace tessera

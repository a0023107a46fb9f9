// Nodes that become one: less memory is read and written.
#pragma once

#include "tessera/graph.h"

namespace tessera {

/// Makes one node of a batch norm, convolution or matrix product, the addition of another value of
/// its shape and relu or relu6, where nothing else reads what lies between. Call it when the
/// forward nodes are there and the outputs set, before gradients(); a fused node has a gradient of
/// its own. Values that were between have no producer afterwards.
TESSERA_API void fuse(Graph& graph);

/// Puts batch norms of inference into the filters and the bias of the convolution or dense layer
/// before each, where nothing else reads what lies between. The new filters are those of a node
/// `fold_batch_norm`, which runs when parameters have changed. Call it before fuse(); results
/// differ by rounding.
TESSERA_API void fold_norms(Graph& graph);

}  // namespace tessera

// Fusion of nodes, which reduces memory traffic.
#pragma once

#include "tessera/graph.h"

namespace tessera {

/// Fuses a batch norm, convolution or matrix product with the addition of another value of its
/// shape and with relu or relu6, if no other node reads the values in between. Call it after the
/// forward nodes and the outputs are set, but before gradients(); a fused node has its own
/// gradient. Values in between have no producer afterwards.
TESSERA_API void fuse(Graph& graph);

/// Folds inference batch norms into the filters and the bias of the convolution or dense layer
/// before each, if no other node reads the values in between. A node `fold_batch_norm` computes the
/// new filters; it runs when parameters have changed. Call it before fuse(). Results differ by
/// rounding.
TESSERA_API void fold_norms(Graph& graph);

}  // namespace tessera

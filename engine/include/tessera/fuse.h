// Nodes that become one: less memory is read and written.
#pragma once

#include "tessera/graph.h"

namespace tessera {

/// Makes one node of a batch norm, convolution or matrix product, the addition of another value of
/// its shape and relu or relu6, where nothing else reads what lies between. Call it when the
/// forward nodes are there and the outputs set, before gradients(); a fused node has a gradient of
/// its own. Values that were between have no producer afterwards.
TESSERA_API void fuse(Graph& graph);

}  // namespace tessera

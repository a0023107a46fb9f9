// Passes over a whole graph, with its backward pass and its updates: nodes that do more at once.
#pragma once

#include "tessera/graph.h"

namespace tessera {

/// Makes a concat of a sum of the gradients of slices that divide a tensor among themselves.
void join_slices(Graph& graph);

/// Makes one node of chains of element-wise ops and expansions, and of the reduction behind one,
/// where nothing else reads the results in between. It stands at the place of the last op.
void join_chains(Graph& graph);

/// Makes one node of optimizer steps of the same op, learning rate and attributes (the weight decay
/// may differ), at the place of the last of them. A step whose result is read before that stays
/// apart.
void join_updates(Graph& graph);

/// Makes one node of a softmax_cross_entropy and its gradient, where nothing else reads the
/// probabilities.
void join_losses(Graph& graph);

}  // namespace tessera

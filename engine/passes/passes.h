// Passes over a whole graph, with its backward pass and updates, that join nodes.
#pragma once

#include "tessera/graph.h"

namespace tessera {

/// Replaces the sum of the gradients of disjoint slices with one concat.
void join_slices(Graph& graph);

/// Joins elementwise ops, expansions and the reduction after them into one node if nothing else
/// reads the intermediate results. The node takes the place of the last op.
void join_chains(Graph& graph);

/// Joins optimizer steps with the same op, learning rate and attributes (the weight decay may
/// differ) into one node at the place of the last one. A step whose result is read before that is
/// not joined.
void join_updates(Graph& graph);

/// Joins a softmax_cross_entropy and its gradient into one node if nothing else reads the
/// probabilities.
void join_losses(Graph& graph);

}  // namespace tessera

// Automatic differentiation: appends the backward pass to a graph.
#pragma once

#include <optional>
#include <vector>

#include "tessera/graph.h"
#include "tessera/op.h"

namespace tessera {

/// Appends the nodes that compute the gradients of `y` (weighted by `dy`, of the same shape) with
/// respect to each of `wrt`, and returns them in that order. Throws Error if y does not depend on
/// one of them, or if an op in between is not differentiable.
TESSERA_API std::vector<Var> gradients(Var y, Var dy, const std::vector<Var>& wrt);
/// Does the same for a loss of one element, with weight 1.
TESSERA_API std::vector<Var> gradients(Var loss, const std::vector<Var>& wrt);

/// Does the same with weight `weight`, [1] (default: 1); the result has no value for tensors that
/// the loss does not depend on.
TESSERA_API std::vector<std::optional<Var>> gradients_if_any(Var loss, const std::vector<Var>& wrt,
                                                             std::optional<Var> weight = {});

/// Returns whether gradients pass through an op. False for ops that count, compare or round, and
/// for ops that are not differentiable.
TESSERA_API bool passes_gradients(const Op& op);

/// Removes the nodes on which no output and no in-place update depends.
TESSERA_API void remove_dead_nodes(Graph& graph);

}  // namespace tessera

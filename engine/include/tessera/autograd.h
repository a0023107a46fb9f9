// Backward passes as graph building.
#pragma once

#include <optional>
#include <vector>

#include "tessera/graph.h"
#include "tessera/op.h"

namespace tessera {

/// Appends the nodes that compute the gradients of `y` (weighted by `dy`, of the same shape) with
/// respect to each of `wrt`, and returns them in that order. Throws Error when y does not depend on
/// one of them or an op on the way is not differentiable.
TESSERA_API std::vector<Var> gradients(Var y, Var dy, const std::vector<Var>& wrt);
/// The same for a loss of one element, weighted by 1.
TESSERA_API std::vector<Var> gradients(Var loss, const std::vector<Var>& wrt);

/// The same; nothing of those that the loss does not depend on.
TESSERA_API std::vector<std::optional<Var>> gradients_if_any(Var loss, const std::vector<Var>& wrt);

/// Whether gradients pass through an op: not where it counts, compares or cuts off, nor where it
/// is not differentiable.
TESSERA_API bool passes_gradients(const Op& op);

/// Drops nodes that neither an output nor an update in place depends on.
TESSERA_API void remove_dead_nodes(Graph& graph);

}  // namespace tessera

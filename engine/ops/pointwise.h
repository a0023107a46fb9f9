// Gradients of broadcasting, for other ops.
#pragma once

#include <string>

#include "tessera/graph.h"

namespace tessera {

/// Returns dy summed over the dimensions in which an operand of shape `shape` was repeated.
Var sum_to(Var dy, Shape shape, const std::string& name);

}  // namespace tessera

// What other ops need of broadcasting in their gradients.
#pragma once

#include <string>

#include "tessera/graph.h"

namespace tessera {

/// dy summed over the dimensions in which an operand of shape `shape` was repeated.
Var sum_to(Var dy, Shape shape, const std::string& name);

}  // namespace tessera

// The constants of an optimizer's formula, for the backends.
#pragma once

#include <string_view>
#include <vector>

#include "tessera/attributes.h"

namespace tessera {

/// Returns the constants of a node for its tensor `tensor`, in the order of the formulas in
/// engine/formulas/optimizer_step.h. Computed in double, since 1 - 0.999 in float has a relative
/// error of 5e-5.
std::vector<float> optimizer_constants(std::string_view op, const Attributes& attributes,
                                       std::size_t tensor);

}  // namespace tessera

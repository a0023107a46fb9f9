// The numbers that an optimizer's formula reads, for the backends.
#pragma once

#include <string_view>
#include <vector>

#include "tessera/attributes.h"

namespace tessera {

/// Those of a node's tensor `tensor`, in the order in which the formulas of
/// engine/formulas/optimizer_step.h count them. Worked out in double: 1 - 0.999 in float would be
/// off by 5e-5 of itself.
std::vector<float> optimizer_constants(std::string_view op, const Attributes& attributes,
                                       std::size_t tensor);

}  // namespace tessera

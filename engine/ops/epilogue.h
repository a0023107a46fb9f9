// What an op does to its result before it is stored: it adds a residual, and cuts off what an
// activation cuts off. Ops that can carry the attribute `activation`; fuse() puts it there.
#pragma once

#include "tessera/op.h"

namespace tessera {

/// SELECT(y < low, low, SELECT(y > high, high, y)): NaN passes.
struct Clamp {
  float low, high;
};

/// Of the attribute `activation`, "relu" or "relu6"; without it nothing is cut off.
Clamp activation_clamp(const Attributes& attributes);
/// Whether ops can carry this one: it is a clamp.
bool is_clamp(std::string_view activation);
/// Throws Error when there is an attribute `activation` of another name.
void check_activation(const Attributes& attributes);

/// The gradient of what output 0 was before its activation.
Var gradient_before_activation(GradientContext& context);

}  // namespace tessera

// The epilogue of an op: adds a residual and clamps the result by an activation before it is
// stored. For ops with the attribute `activation`, which fuse() sets.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tessera/op.h"

namespace tessera {

/// SELECT(y < low, low, SELECT(y > high, high, y)): NaN passes.
struct Clamp {
  float low, high;
};

/// Returns the clamp of the attribute `activation`, "relu" or "relu6"; without it no clamp.
Clamp activation_clamp(const Attributes& attributes);
/// Whether an epilogue can have this activation, which must be a clamp.
bool is_clamp(std::string_view activation);
/// Throws Error if the attribute `activation` has another name.
void check_activation(const Attributes& attributes);

/// Returns the gradient of output 0 before its activation.
Var gradient_before_activation(GradientContext& context);

/// The inputs after the two operands of a product: a bias, one number per channel, and a residual
/// with the shape of the result; 0: none.
struct EpilogueInputs {
  std::size_t bias = 0, residual = 0;

  EpilogueInputs() = default;
  EpilogueInputs(std::size_t count, std::int64_t rank_of_third);
};
/// Finds them in an object with input_count() and input_spec(i).
template <class Node>
EpilogueInputs epilogue_inputs(const Node& node) {
  const std::size_t count = node.input_count();
  return {count, count > 2 ? node.input_spec(2).rank() : 0};
}

/// Throws Error if bias, residual or activation do not fit a result `y`.
void check_epilogue(const InferContext& context, const TensorSpec& y);

/// Sets the gradients of bias and residual; returns the gradient of the product.
Var gradient_of_epilogue(GradientContext& context);

}  // namespace tessera

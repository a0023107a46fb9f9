// What an op does to its result before it is stored: it adds a residual, and cuts off what an
// activation cuts off. Ops that can carry the attribute `activation`; fuse() puts it there.
#pragma once

#include <cstddef>
#include <cstdint>

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

/// What follows the two operands of a product's inputs: a bias, one number for each channel, and a
/// residual of the result's shape; 0: there is none.
struct EpilogueInputs {
  std::size_t bias = 0, residual = 0;

  EpilogueInputs() = default;
  EpilogueInputs(std::size_t count, std::int64_t rank_of_third);
};
/// Those of what has input_count() and input_spec(i).
template <class Node>
EpilogueInputs epilogue_inputs(const Node& node) {
  const std::size_t count = node.input_count();
  return {count, count > 2 ? node.input_spec(2).rank() : 0};
}

/// Throws Error when bias, residual or activation do not suit a result `y`.
void check_epilogue(const InferContext& context, const TensorSpec& y);

/// Sets the gradients of bias and residual; the result is that of the product.
Var gradient_of_epilogue(GradientContext& context);

}  // namespace tessera

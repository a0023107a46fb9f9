// Broadcasting: dimensions are aligned at the end, and those of size 1 or absent are repeated.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tessera/spec.h"

namespace tessera {

/// The shape of the result, or nothing when the shapes do not fit.
std::optional<Shape> broadcast_shape(const Shape& a, const Shape& b);

/// A dimension of a result, and for each operand the elements between neighbors along it; 0 where
/// the operand is repeated.
struct BroadcastDimension {
  std::int64_t size;
  std::vector<std::int64_t> steps;
};

/// The dimensions of `result`, at least one. Neighboring ones in which all operands behave alike
/// are one, so that there are few and long ones.
std::vector<BroadcastDimension> broadcast_dimensions(const std::vector<Shape>& operands,
                                                     const Shape& result);

}  // namespace tessera

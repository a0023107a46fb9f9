// Broadcasting: dimensions are aligned at the end, and those of size 1 or absent are repeated.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tessera/spec.h"

namespace tessera {

/// Returns the shape of the result, or nothing if the shapes do not broadcast.
std::optional<Shape> broadcast_shape(const Shape& a, const Shape& b);

/// A dimension of a result, and the stride of each operand along it; 0 if the operand is repeated.
struct BroadcastDimension {
  std::int64_t size;
  std::vector<std::int64_t> steps;
};

/// Returns the dimensions of `result`, at least one. Merges adjacent dimensions in which all
/// operands behave alike, so that dimensions are few and long.
std::vector<BroadcastDimension> broadcast_dimensions(const std::vector<Shape>& operands,
                                                     const Shape& result);

}  // namespace tessera

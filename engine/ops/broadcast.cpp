// Broadcasting; see broadcast.h.
#include "engine/ops/broadcast.h"

#include <algorithm>

namespace tessera {
namespace {

/// Returns the operand's dimension for `axis` of a result of `rank` dimensions; 1 if absent.
std::int64_t own_size(const Shape& operand, std::size_t axis, std::size_t rank) {
  const std::size_t absent = rank - operand.size();
  return axis < absent ? 1 : operand[axis - absent];
}

}  // namespace

std::optional<Shape> broadcast_shape(const Shape& a, const Shape& b) {
  Shape y(std::max(a.size(), b.size()));
  for (std::size_t axis = 0; axis < y.size(); ++axis) {
    const std::int64_t in_a = own_size(a, axis, y.size()), in_b = own_size(b, axis, y.size());
    if (in_a != in_b && in_a != 1 && in_b != 1) return {};
    y[axis] = in_a == 1 ? in_b : in_a;
  }
  return y;
}

std::vector<BroadcastDimension> broadcast_dimensions(const std::vector<Shape>& operands,
                                                     const Shape& result) {
  std::vector<BroadcastDimension> dimensions;  // the last one first
  std::vector<std::int64_t> next(operands.size(), 1);
  for (std::size_t axis = result.size(); axis-- > 0;) {
    if (result[axis] == 1) continue;
    BroadcastDimension dimension{result[axis], std::vector<std::int64_t>(operands.size(), 0)};
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (own_size(operands[i], axis, result.size()) == 1) continue;
      dimension.steps[i] = next[i];
      next[i] *= result[axis];
    }
    const auto alike = [&](const BroadcastDimension& inner) {
      for (std::size_t i = 0; i < operands.size(); ++i)
        if ((inner.steps[i] == 0) != (dimension.steps[i] == 0)) return false;
      return true;
    };
    if (!dimensions.empty() && alike(dimensions.back()))
      dimensions.back().size *= dimension.size;
    else
      dimensions.push_back(std::move(dimension));
  }
  if (dimensions.empty()) dimensions.push_back({1, std::vector<std::int64_t>(operands.size(), 1)});
  std::reverse(dimensions.begin(), dimensions.end());
  return dimensions;
}

}  // namespace tessera

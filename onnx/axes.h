// The order of dimensions: ONNX has the channels of an image first, graphs have them last. A tensor
// may be stored in any order; its dimensions keep ONNX's numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tessera/spec.h"

namespace tessera::importer {

/// Dimension i as stored is dimension axes[i] of the tensor.
using Axes = std::vector<std::int64_t>;

Axes plain_axes(std::size_t rank);
/// Returns {0,2,3,1} for rank 4; below rank 3 the identity.
Axes channels_last(std::size_t rank);
/// Returns {0,3,1,2} for rank 4; below rank 3 the identity.
Axes channels_first(std::size_t rank);

/// Dimension i is dimension order[i] of `shape`.
Shape permuted(const Shape& shape, const Axes& order);
/// Returns `axis` counted from 0. Throws Error if it is out of range.
std::int64_t checked_axis(std::int64_t axis, std::size_t rank);
/// The same for several axes. Throws Error also for duplicate or too many axes.
Axes checked_axes(Axes axes, std::size_t rank);
/// Returns the stored position of dimension `axis`; negative axes count from the end.
std::int64_t place_of(const Axes& axes, std::int64_t axis);

/// A change of the order: new dimension i is dimension moves[i] as stored now.
struct Reordering {
  Axes moves;
  bool moved;  ///< elements move, not only dimensions of size 1
};
/// `stored` is the shape as stored now.
Reordering reordering(const Axes& now, const Axes& then, const Shape& stored);

/// A reshape that moves as little as possible: stored in the order `before` of the old dimensions,
/// the elements have the shape `stored`, which is in the order `after` of the new dimensions.
struct Reshaping {
  Axes before;
  Shape stored;
  Axes after;
};
Reshaping reshaping(const Axes& axes, const Shape& from, const Shape& to);

}  // namespace tessera::importer

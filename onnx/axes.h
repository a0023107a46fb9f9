// The order of dimensions: ONNX has the channels of an image first, graphs have them last. A tensor
// is stored in some order; what it is called by stays the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tessera/spec.h"

namespace tessera::importer {

/// Dimension i as stored is dimension axes[i] of the tensor.
using Axes = std::vector<std::int64_t>;

Axes plain_axes(std::size_t rank);
/// {0,2,3,1} for rank 4; below rank 3 the plain ones.
Axes channels_last(std::size_t rank);
/// {0,3,1,2} for rank 4; below rank 3 the plain ones.
Axes channels_first(std::size_t rank);

/// Dimension i is dimension order[i] of `shape`.
Shape permuted(const Shape& shape, const Axes& order);
/// `axis` as a number from 0; throws Error when there is none such.
std::int64_t checked_axis(std::int64_t axis, std::size_t rank);
/// The same for several; throws Error also when two of them are equal or there are too many.
Axes checked_axes(Axes axes, std::size_t rank);
/// Which dimension as stored is dimension `axis`; negative ones count from the end.
std::int64_t place_of(const Axes& axes, std::int64_t axis);

/// What another order takes: dimension i is then dimension moves[i] as stored now.
struct Reordering {
  Axes moves;
  bool moved;  ///< elements move, not only dimensions of size 1
};
/// `stored` is the shape as stored now.
Reordering reordering(const Axes& now, const Axes& then, const Shape& stored);

/// Another shape of the same elements, for which as little moves as possible: stored in the order
/// `before` of the old dimensions, they are the shape `stored`, which is in the order `after` of
/// the new ones.
struct Reshaping {
  Axes before;
  Shape stored;
  Axes after;
};
Reshaping reshaping(const Axes& axes, const Shape& from, const Shape& to);

}  // namespace tessera::importer

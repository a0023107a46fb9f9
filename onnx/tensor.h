// A tensor of a net on its way into a graph. ONNX has the channels of an image first, the graph has
// them last: a tensor says which dimension is which, and nothing moves before an op needs an order
// of its own. A transposition costs nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/graph.h"

namespace tessera::importer {

/// Dimension i in memory is dimension axes[i] of ONNX.
using Axes = std::vector<std::int64_t>;

struct Tensor {
  Var var;
  Axes axes;
};

Axes plain_axes(std::size_t rank);
/// {0,2,3,1} for rank 4; below rank 3 the plain ones.
Axes channels_last(std::size_t rank);

/// Dimension i is dimension order[i] of `shape`.
Shape permuted(const Shape& shape, const Axes& order);

/// With ONNX's order of dimensions.
Tensor plain(Var var);
/// Its shape in ONNX.
Shape shape_of(const Tensor& x);
std::size_t rank_of(const Tensor& x);
/// Which dimension in memory is dimension `axis` of ONNX; negative ones count from the end.
std::int64_t place_of(const Tensor& x, std::int64_t axis);
std::vector<std::int64_t> places_of(const Tensor& x, const std::vector<std::int64_t>& axes);
/// `axis` as a number from 0; throws Error when there is none such.
std::int64_t checked_axis(std::int64_t axis, std::size_t rank);

/// The tensor in memory with this order, for which elements may have to move.
Var ordered(const Tensor& x, const Axes& axes);
Var plain_var(const Tensor& x);
/// The same elements in ONNX's order under another shape, in memory moved as little as possible.
Tensor reshaped(const Tensor& x, const Shape& shape);
/// Dimension i of the result is dimension order[i] of x; nothing moves in memory.
Tensor transposed(Tensor x, const Axes& order);
/// With leading dimensions of size 1.
Tensor with_rank(const Tensor& x, std::size_t rank);

}  // namespace tessera::importer

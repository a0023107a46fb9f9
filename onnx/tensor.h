// A tensor of a net on its way into a graph. ONNX has the channels of an image first, the graph has
// them last: a tensor says which dimension is which, and nothing moves before an op needs an order
// of its own. A transposition costs nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "onnx/axes.h"
#include "tessera/graph.h"

namespace tessera::importer {

struct Tensor {
  Var var;
  Axes axes;  ///< dimension i in memory is dimension axes[i] of ONNX
};

/// With ONNX's order of dimensions.
Tensor plain(Var var);
/// Its shape in ONNX.
Shape shape_of(const Tensor& x);
std::size_t rank_of(const Tensor& x);
/// Which dimension in memory is dimension `axis` of ONNX; negative ones count from the end.
std::int64_t place_of(const Tensor& x, std::int64_t axis);
std::vector<std::int64_t> places_of(const Tensor& x, const std::vector<std::int64_t>& axes);

/// The tensor in memory with this order, for which elements may have to move.
Var ordered(const Tensor& x, const Axes& axes);
Var plain_var(const Tensor& x);
/// Throws Error unless both shapes have the same number of elements.
void check_elements(const Shape& from, const Shape& to);
/// The same elements in ONNX's order under another shape, in memory moved as little as possible.
Tensor reshaped(const Tensor& x, const Shape& shape);
/// Dimension i of the result is dimension order[i] of x; nothing moves in memory.
Tensor transposed(Tensor x, const Axes& order);
/// With leading dimensions of size 1.
Tensor with_rank(const Tensor& x, std::size_t rank);

}  // namespace tessera::importer

// A tensor during an import. ONNX has the channels of an image first, the graph has them last: a
// tensor records the order of its dimensions, and elements move only if an op needs another order.
// A transposition is free.
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

/// Wraps a tensor in ONNX's order of dimensions.
Tensor plain(Var var);
/// Returns its shape in ONNX.
Shape shape_of(const Tensor& x);
std::size_t rank_of(const Tensor& x);
/// Returns the position in memory of ONNX's dimension `axis`; negative axes count from the end.
std::int64_t place_of(const Tensor& x, std::int64_t axis);
std::vector<std::int64_t> places_of(const Tensor& x, const std::vector<std::int64_t>& axes);

/// Returns the tensor with this order in memory; elements may move.
Var ordered(const Tensor& x, const Axes& axes);
Var plain_var(const Tensor& x);
/// Throws Error unless both shapes have the same number of elements.
void check_elements(const Shape& from, const Shape& to);
/// Reshapes in ONNX's order, and moves as little memory as possible.
Tensor reshaped(const Tensor& x, const Shape& shape);
/// Transposes: dimension i of the result is dimension order[i] of x; nothing moves in memory.
Tensor transposed(Tensor x, const Axes& order);
/// Adds leading dimensions of size 1.
Tensor with_rank(const Tensor& x, std::size_t rank);

}  // namespace tessera::importer

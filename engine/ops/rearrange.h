// Pure data movements as strided copies, which the backends read from a node.
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/attributes.h"
#include "tessera/spec.h"

namespace tessera {

/// One axis of the output of a copy. Index i reads x if begin <= i < end and i - begin is a
/// multiple of `every`, `stride` elements of x further for each multiple; elsewhere y is filled.
struct CopyAxis {
  std::int64_t size, begin, end, stride, every;
  std::int64_t y_stride;
};

/// At least one axis; the last one is innermost, with y_stride 1.
struct StridedCopy {
  std::vector<CopyAxis> axes;
  std::int64_t x_start = 0;  ///< the element of x at `begin` of every axis
  std::int64_t y_start = 0;  ///< the element of y at index 0 of every axis

  /// Returns the number of index tuples of all axes but the last.
  std::int64_t rows() const;
};

/// Returns the copy of input `i` of a node into its output, with as few axes as possible.
StridedCopy rearrangement(std::string_view op, const std::vector<TensorSpec>& inputs, std::size_t i,
                          const TensorSpec& output, const Attributes& attributes);

/// Returns the bits of the fill value of `pad`; 0 for other ops.
std::uint32_t fill_bits(DType dtype, const Attributes& attributes);

}  // namespace tessera

// Tensor specs: element type and shape, without data. Images are channels last (NHWC), convolution
// weights [K,R,S,C].
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/export.h"

namespace tessera {

enum class DType : std::uint8_t { f32, i32, u8 };

/// Returns the size of one element in bytes.
TESSERA_API std::size_t size_of(DType dtype);
/// Returns "f32", "i32" or "u8".
TESSERA_API std::string_view to_string(DType dtype);

using Shape = std::vector<std::int64_t>;

/// Returns a text such as "[64,32,32,3]".
TESSERA_API std::string to_string(const Shape& shape);
/// Returns the product of the dimensions; 1 for a scalar. Throws Error for a negative dimension or
/// on overflow.
TESSERA_API std::int64_t element_count(const Shape& shape);

/// Element type and shape.
struct TESSERA_API TensorSpec {
  DType dtype = DType::f32;
  Shape shape;

  /// Returns the number of elements.
  std::int64_t elements() const { return element_count(shape); }
  /// Returns the size of the elements in bytes, stored densely. Throws Error if it does not fit
  /// into 63 bits.
  std::size_t bytes() const;
  /// Returns the number of dimensions.
  std::int64_t rank() const { return static_cast<std::int64_t>(shape.size()); }
  /// Returns dimension `axis`; negative axes count from the end.
  std::int64_t dim(std::int64_t axis) const;

  /// Returns whether type and shape are equal.
  bool operator==(const TensorSpec&) const = default;
};

/// Returns a text such as "f32[64,10]".
TESSERA_API std::string to_string(const TensorSpec& spec);

}  // namespace tessera

#include "tessera/spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "tessera/error.h"

namespace tessera {

std::size_t size_of(DType dtype) { return dtype == DType::u8 ? 1 : 4; }

std::string_view to_string(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::i32:
      return "i32";
    case DType::u8:
      return "u8";
  }
  throw Error("dtype", "unknown element type");
}

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ",")); }

std::int64_t element_count(const Shape& shape) {
  // The product without zeros must fit too. Then the product of any dimensions fits, such as a
  // stride.
  std::int64_t count = 1;
  bool is_empty = false;
  for (std::int64_t extent : shape) {
    if (extent < 0) throw Error("shape", "negative dimension in " + to_string(shape));
    is_empty = is_empty || extent == 0;
    if (__builtin_mul_overflow(count, std::max<std::int64_t>(extent, 1), &count))
      throw Error("shape", "too many elements in " + to_string(shape));
  }
  return is_empty ? 0 : count;
}

std::size_t TensorSpec::bytes() const {
  const auto element = static_cast<std::int64_t>(size_of(dtype));
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(elements(), element, &bytes))
    throw Error("shape", "too many bytes in " + to_string(*this));
  return static_cast<std::size_t>(bytes);
}

std::int64_t TensorSpec::dim(std::int64_t axis) const {
  const std::int64_t index = axis < 0 ? axis + rank() : axis;
  if (index < 0 || index >= rank())
    throw Error("shape", fmt::format("axis {} of {}", axis, to_string(*this)));
  return shape[static_cast<std::size_t>(index)];
}

std::string to_string(const TensorSpec& spec) {
  return std::string(to_string(spec.dtype)) + to_string(spec.shape);
}

}  // namespace tessera

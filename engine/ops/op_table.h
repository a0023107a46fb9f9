// The interface of the files of this folder: `<family>_ops()` returns the ops of one family.
// `op_families` in the top meson.build lists the families.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "tessera/error.h"
#include "tessera/op.h"

namespace tessera::ops {

#define TESSERA_OP_FAMILY(family) std::vector<Op> family##_ops();
#include "op_families.inc"
#undef TESSERA_OP_FAMILY

/// Throws Error with a formatted message if `condition` is false. Graph::add adds op and node.
template <typename... Args>
void check(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// Kernels count rows, columns and strides in 32 bits.
inline constexpr std::int64_t most_size = std::numeric_limits<std::int32_t>::max();

/// Returns the attribute `name`. Throws Error unless it has `count` integers from `least` to
/// most_size.
const std::vector<std::int64_t>& checked_sizes(const Attributes& attributes, const char* name,
                                               std::size_t count, std::int64_t least);

/// The gradient of ops that are not differentiable, such as comparisons and rounding.
inline void no_gradient(GradientContext&) {}

/// Throws Error unless input `i` has elements of type `dtype` and `rank` dimensions (negative: any
/// number).
void check_input(const InferContext& context, std::size_t i, const char* name, DType dtype,
                 std::int64_t rank);
/// Throws Error unless the number of inputs is between the two bounds.
void check_count(const InferContext& context, std::size_t least, std::size_t most);
/// Throws Error unless input `i` has this shape.
void check_shape(const InferContext& context, std::size_t i, const char* name,
                 const Shape& expected);

}  // namespace tessera::ops

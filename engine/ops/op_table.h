// What a file of this folder gives to the op table: the ops of one family, `<family>_ops()`.
// The families are listed once, in `op_families` of the top meson.build.
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

/// Throws Error with a formatted message when `condition` is false. Graph::add puts op and node
/// around it.
template <typename... Args>
void check(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// Kernels count rows, columns and steps between them with 32 bits.
inline constexpr std::int64_t most_size = std::numeric_limits<std::int32_t>::max();

/// The attribute `name`: `count` whole numbers of at least `least` and at most most_size.
const std::vector<std::int64_t>& checked_sizes(const Attributes& attributes, const char* name,
                                               std::size_t count, std::int64_t least);

/// The gradient of ops through which none passes: those that count, compare or cut off.
inline void no_gradient(GradientContext&) {}

/// Input `i` has elements of type `dtype` and `rank` dimensions (any number, if negative).
void check_input(const InferContext& context, std::size_t i, const char* name, DType dtype,
                 std::int64_t rank);
/// The number of inputs lies between the two bounds.
void check_count(const InferContext& context, std::size_t least, std::size_t most);
/// Input `i` has exactly this shape.
void check_shape(const InferContext& context, std::size_t i, const char* name,
                 const Shape& expected);

}  // namespace tessera::ops

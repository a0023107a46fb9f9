// Arithmetic of sizes (elements, bytes, offsets, filter extents) that throws instead of wrapping.
// Every size from a file or a user is computed with these functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "tessera/error.h"

namespace tessera {

/// Throws Error: `what` does not fit into 63 bits.
[[noreturn]] inline void throw_too_large(std::string_view what) {
  throw Error("size", std::string(what) + " does not fit into 63 bits");
}

/// Returns a + b. Throws Error that names `what` on overflow.
inline std::int64_t checked_add(std::int64_t a, std::int64_t b, std::string_view what) {
  std::int64_t result = 0;
  if (__builtin_add_overflow(a, b, &result)) throw_too_large(what);
  return result;
}

/// Returns a - b. Throws Error that names `what` on overflow.
inline std::int64_t checked_sub(std::int64_t a, std::int64_t b, std::string_view what) {
  std::int64_t result = 0;
  if (__builtin_sub_overflow(a, b, &result)) throw_too_large(what);
  return result;
}

/// Returns a * b. Throws Error that names `what` on overflow.
inline std::int64_t checked_mul(std::int64_t a, std::int64_t b, std::string_view what) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) throw_too_large(what);
  return result;
}

/// Returns a + b in bytes. Throws Error that names `what` when it does not fit into 63 bits.
inline std::size_t checked_add(std::size_t a, std::size_t b, std::string_view what) {
  std::int64_t result = 0;
  if (__builtin_add_overflow(a, b, &result)) throw_too_large(what);
  return static_cast<std::size_t>(result);
}

/// Returns `bytes` rounded up to a multiple of `alignment`. Throws Error that names `what` when it
/// does not fit into 63 bits.
inline std::size_t checked_round_up(std::size_t bytes, std::size_t alignment,
                                    std::string_view what) {
  return checked_add(bytes, alignment - 1, what) / alignment * alignment;
}

/// Returns the product of `factors`; 1 for none. Throws Error that names `what` on overflow.
inline std::int64_t checked_product(std::initializer_list<std::int64_t> factors,
                                    std::string_view what) {
  std::int64_t result = 1;
  for (std::int64_t factor : factors) result = checked_mul(result, factor, what);
  return result;
}

}  // namespace tessera

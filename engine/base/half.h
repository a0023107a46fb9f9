// Reads 16-bit floats.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace tessera {

/// Returns the value of an IEEE half (1 sign bit, 5 of exponent, 10 of fraction), exactly; a NaN
/// keeps its sign.
inline float float_of_half(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t{bits} >> 15 << 31;
  const std::uint32_t exponent = bits >> 10 & 31u, fraction = bits & 1023u;
  if (exponent == 0) {  // a subnormal half is a normal float
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return sign ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 31 ? 255u : exponent + 127 - 15;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

/// Returns the value of a bfloat16, the upper half of a float.
inline float float_of_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

}  // namespace tessera

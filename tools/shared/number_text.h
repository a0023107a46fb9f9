// Numbers as text for people: non-finite ones are words, without a sign before "nan".
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <string>

namespace tessera::tools {

/// Returns the number with four decimals.
inline std::string number_text(double loss) {
  return std::isnan(loss) ? "not finite" : fmt::format("{:.4f}", loss);
}

/// Returns a share as a percentage such as "12.3", with so many decimals.
inline std::string percent_text(double share, int digits) {
  return std::isnan(share) ? "not finite" : fmt::format("{:.{}f}", 100 * share, digits);
}

}  // namespace tessera::tools

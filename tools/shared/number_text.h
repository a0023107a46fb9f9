// Numbers as people read them: those that are not finite have words, and no sign before "nan".
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <string>

namespace tessera::tools {

/// Four digits after the point.
inline std::string number_text(double loss) {
  return std::isnan(loss) ? "not finite" : fmt::format("{:.4f}", loss);
}

/// Of a share: "12.3", with so many digits after the point.
inline std::string percent_text(double share, int digits) {
  return std::isnan(share) ? "not finite" : fmt::format("{:.{}f}", 100 * share, digits);
}

}  // namespace tessera::tools

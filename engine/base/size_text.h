// Sizes as text for messages.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace tessera {

/// Returns a text such as "64.0 MiB (67108864 bytes)".
inline std::string mebibytes(std::uint64_t bytes) {
  return fmt::format("{:.1f} MiB ({} bytes)", static_cast<double>(bytes) / 0x1p20, bytes);
}

}  // namespace tessera

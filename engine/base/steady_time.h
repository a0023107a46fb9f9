// The clock of records of what ran when.
#pragma once

#include <chrono>

namespace tessera {

/// Returns seconds of the steady clock.
inline double steady_seconds() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since).count();
}

}  // namespace tessera

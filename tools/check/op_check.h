// Runs the op cases of the tests on a device, for `tessera doctor`.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tessera/device.h"

namespace tessera::tools {

struct FamilyCheck {
  std::string family;     ///< of ops: "conv2d"
  std::size_t cases = 0;  ///< run
  std::string wrong;      ///< the first wrong case, or empty
};

/// Compares the small cases of each family, and their gradients, with naive references, until all
/// are done or the time is up. A family stops at its first wrong case.
std::vector<FamilyCheck> check_ops(Device& device, std::chrono::steady_clock::time_point until);

}  // namespace tessera::tools

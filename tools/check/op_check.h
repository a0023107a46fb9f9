// The cases of the ops, those of the tests, on a device: for `tessera doctor`.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tessera/device.h"

namespace tessera::tools {

struct FamilyCheck {
  std::string family;     ///< of ops: "conv2d"
  std::size_t cases = 0;  ///< run
  std::string wrong;      ///< the first case that is; else empty
};

/// Runs the small cases against their naive references, gradients too, of each family in turn,
/// until all are done or it is time. A family stops at its first wrong case.
std::vector<FamilyCheck> check_ops(Device& device, std::chrono::steady_clock::time_point until);

}  // namespace tessera::tools

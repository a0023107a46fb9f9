// The limits of this process's control groups, versions 1 and 2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace tessera {

struct GroupLimits {
  std::optional<std::uint64_t> memory_bytes;
  std::optional<double> processors;
};

/// Returns the lowest limits from the group of this process up to the root of its hierarchy.
/// Ignores missing files and files without a limit. `root`: the root of the file system, for tests.
GroupLimits read_group_limits(const std::string& root = {});

}  // namespace tessera

// The limits of the control groups that this process is in, of versions 1 and 2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace tessera {

struct GroupLimits {
  std::optional<std::uint64_t> memory_bytes;
  std::optional<double> processors;
};

/// The lowest limits from the group of this process up to the root of its hierarchy. Files that are
/// missing or say that there is no limit count for nothing. `root`: where the file system begins,
/// for tests.
GroupLimits read_group_limits(const std::string& root = {});

}  // namespace tessera

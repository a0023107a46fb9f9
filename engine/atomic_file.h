// Files that are replaced whole or not at all.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace tessera {

/// Writes the parts one after the other under a temporary name in the same folder, syncs, and
/// renames to `path`. Throws Error on failure, after removing the temporary file; `path` then still
/// holds what it held before.
void write_file_atomically(const std::string& path,
                           const std::vector<std::span<const std::byte>>& parts);

/// Throws what write_file_atomically would throw now, before anything is written; leaves `path` and
/// all other files as they are.
void check_writable(const std::string& path);

}  // namespace tessera

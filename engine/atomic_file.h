// Files that are replaced whole or not at all.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace tessera {

/// Writes the parts one after the other as write_file (tessera/output_file.h) does: under a
/// temporary name in the same folder, which is synced, then renamed. Throws Error on failure, after
/// removing the temporary file; `path` then still holds what it held before.
void write_file_atomically(const std::string& path,
                           const std::vector<std::span<const std::byte>>& parts);

}  // namespace tessera

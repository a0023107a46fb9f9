// Files that are replaced whole or not at all.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tessera {

/// Writes the parts one after the other as write_file (tessera/output_file.h) does: under a
/// temporary name in the same folder, which is synced, then renamed. Throws Error on failure, after
/// removing the temporary file; `path` then still holds what it held before. `mode` is the new
/// file's, whatever that of a file which it replaces; none keeps that one's.
void write_file_atomically(const std::string& path,
                           const std::vector<std::span<const std::byte>>& parts,
                           std::optional<unsigned> mode = {});

}  // namespace tessera

// Files that are replaced atomically.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tessera {

/// Writes the parts one after the other as write_file (tessera/output_file.h) does: to a temporary
/// file in the same folder, which is synced, then renamed. On failure, removes the temporary file,
/// leaves `path` unchanged and throws Error. `mode` is the mode of the new file; none keeps the
/// mode of the replaced file.
void write_file_atomically(const std::string& path,
                           const std::vector<std::span<const std::byte>>& parts,
                           std::optional<unsigned> mode = {});

}  // namespace tessera

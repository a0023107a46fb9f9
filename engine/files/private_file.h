// Files that the library stores for a user and trusts later: compiled programs, verdicts, tuning
// results, checked drivers. It does not read files that other users could have written.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace tessera {

/// Permissions of such a file: owner only.
inline constexpr unsigned private_mode = 0600;

/// Creates a folder and its parents, each for this user only; existing ones stay unchanged. Throws
/// Error if that fails.
void make_private_folder(const std::string& path);

/// Returns why a folder is not trusted: it is not a folder, belongs to another user, or others can
/// write to it. Empty if it is trusted.
std::string distrust_of_folder(const std::string& path);

/// Reads a file that only this user can have written, in such a folder, and that is not a link.
/// Returns nothing if it does not exist. Throws Error that names the file and the reason if it is
/// not trusted.
std::optional<std::string> read_private_file(const std::string& path, std::size_t most_bytes);

}  // namespace tessera

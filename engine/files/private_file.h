// Files that the library keeps for a user and trusts later: compiled programs, verdicts, tuning
// results, checked drivers. What others could have written is not read.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace tessera {

/// Permissions of such a file: of its owner alone.
inline constexpr unsigned private_mode = 0600;

/// Creates a folder and those around it, each for this user alone; existing ones stay as they are.
/// Throws Error when it cannot be made.
void make_private_folder(const std::string& path);

/// Returns why a folder is not trusted: it is none, belongs to another user, or others can write
/// to it. Empty when it is trusted.
std::string distrust_of_folder(const std::string& path);

/// Reads a file that only this user can have written, in a folder of the same kind, and that is no
/// link. Nothing when there is none; throws Error that names the file and why it is not read.
std::optional<std::string> read_private_file(const std::string& path, std::size_t most_bytes);

}  // namespace tessera

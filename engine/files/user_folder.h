// Folders for the files that the library stores for a user.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tessera/error.h"

namespace tessera {

/// Returns the folder in the environment `variable`, else "tessera" in the folder of `base` (such
/// as XDG_CACHE_HOME), else in `in_home` of HOME; empty if none is set.
inline std::string user_folder(const char* variable, const char* base, const std::string& in_home) {
  const auto value_of = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::string(value ? value : "");
  };
  if (const std::string folder = value_of(variable); !folder.empty()) return folder;
  // The XDG specification ignores relative folders.
  if (const std::string folder = value_of(base); folder.starts_with('/'))
    return folder + "/tessera";
  if (const std::string home = value_of("HOME"); !home.empty())
    return home + "/" + in_home + "/tessera";
  return {};
}

/// Creates a folder and its parents. Throws Error if that fails.
inline void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw Error(path, "cannot be created: " + error.message());
}

}  // namespace tessera

// Where the files that the library keeps for a user stand, and the folders for them.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tessera/error.h"

namespace tessera {

/// The folder that the environment `variable` names, else "tessera" in that of `base` (such as
/// XDG_CACHE_HOME), else in `in_home` of HOME; empty when there is none of them.
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

/// With those around it. Throws Error when it cannot be made.
inline void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw Error(path, "cannot be made: " + error.message());
}

}  // namespace tessera

// Where the files that the library keeps for a user stand.
#pragma once

#include <cstdlib>
#include <string>

namespace tessera {

/// The folder that the environment `variable` names, else "tessera" in that of `base` (such as
/// XDG_CACHE_HOME), else in `in_home` of HOME; empty when there is none of them.
inline std::string user_folder(const char* variable, const char* base, const std::string& in_home) {
  const auto value_of = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::string(value ? value : "");
  };
  if (const std::string folder = value_of(variable); !folder.empty()) return folder;
  if (const std::string folder = value_of(base); !folder.empty()) return folder + "/tessera";
  if (const std::string home = value_of("HOME"); !home.empty())
    return home + "/" + in_home + "/tessera";
  return {};
}

}  // namespace tessera

// Suggestions for misspelled names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tessera::tools {

/// Returns "; did you mean 'epochs'?" with the closest name, or nothing if no name shares half of
/// the letters. `prefix` is put before the name.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& names,
                         const std::string& prefix = {});

}  // namespace tessera::tools

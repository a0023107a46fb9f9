// Names by patterns: * stands for any letters, ? for one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

/// How many letters of a pattern have to be inserted, removed or replaced until it stands for this
/// name; 0: it does.
std::size_t pattern_distance(std::string_view pattern, std::string_view name);

/// Which of the names one of the patterns stands for. Throws Error of `option` that lists near
/// names when a pattern stands for none.
std::vector<bool> matches(const std::vector<std::string>& names,
                          const std::vector<std::string>& patterns, const char* option);

}  // namespace tessera

// Name patterns: * matches any characters, ? one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

/// Returns the number of characters of a pattern to insert, remove or replace until it matches the
/// name; 0: it matches.
std::size_t pattern_distance(std::string_view pattern, std::string_view name);

/// Returns which names match at least one pattern. Throws Error that names `option` and similar
/// names if a pattern matches none.
std::vector<bool> matches(const std::vector<std::string>& names,
                          const std::vector<std::string>& patterns, const char* option);

}  // namespace tessera

#include "engine/base/patterns.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "tessera/error.h"

namespace tessera {
namespace {

/// Returns the names that resemble a pattern, the closest first.
std::vector<std::string> near_names(std::vector<std::string> names, std::string_view pattern) {
  constexpr std::size_t most = 4;
  std::stable_sort(names.begin(), names.end(), [&](const auto& a, const auto& b) {
    return pattern_distance(pattern, a) < pattern_distance(pattern, b);
  });
  names.resize(std::min(names.size(), most));
  return names;
}

}  // namespace

std::size_t pattern_distance(std::string_view pattern, std::string_view name) {
  std::vector<std::size_t> row(name.size() +
                               1);  // edits from the pattern so far to each prefix of the name
  std::iota(row.begin(), row.end(), 0);
  for (const char letter : pattern) {
    std::size_t corner = row[0];
    if (letter != '*') ++row[0];
    for (std::size_t j = 0; j < name.size(); ++j) {
      const std::size_t replaced = corner + (letter == '?' || letter == name[j] ? 0 : 1);
      corner = row[j + 1];
      row[j + 1] = letter == '*' ? std::min(row[j + 1], row[j])
                                 : std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::vector<bool> matches(const std::vector<std::string>& names,
                          const std::vector<std::string>& patterns, const char* option) {
  std::vector<bool> matched(names.size());
  for (const std::string& pattern : patterns) {
    bool any = false;
    for (std::size_t i = 0; i < names.size(); ++i)
      if (pattern_distance(pattern, names[i]) == 0) matched[i] = any = true;
    if (!any)
      throw Error(option, fmt::format("no parameter matches '{}'; similar names: {}", pattern,
                                      fmt::join(near_names(names, pattern), ", ")));
  }
  return matched;
}

}  // namespace tessera

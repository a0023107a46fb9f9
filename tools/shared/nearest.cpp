#include "tools/shared/nearest.h"

#include <algorithm>
#include <numeric>

namespace tessera::tools {
namespace {

/// The Levenshtein distance: letters to insert, remove or replace.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);  // to what b begins with
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t corner = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = corner + (a[i] == b[j] ? 0 : 1);
      corner = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string did_you_mean(std::string_view word, const std::vector<std::string>& names,
                         const std::string& prefix) {
  const auto nearest = std::min_element(
      names.begin(), names.end(),
      [&](const auto& a, const auto& b) { return distance(word, a) < distance(word, b); });
  if (nearest == names.end() ||
      2 * distance(word, *nearest) > std::max(word.size(), nearest->size()))
    return {};
  return "; did you mean '" + prefix + *nearest + "'?";
}

}  // namespace tessera::tools

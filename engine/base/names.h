// Enumerations by name, for files and command lines.
#pragma once

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "tessera/error.h"

namespace tessera {

template <typename Enum, std::size_t N>
using Names = std::array<std::pair<Enum, std::string_view>, N>;

template <typename Enum, std::size_t N>
std::string name_of(const Names<Enum, N>& names, Enum value) {
  for (const auto& [candidate, name] : names)
    if (candidate == value) return std::string(name);
  return "?";
}

/// Throws Error `[what] there is no 'name'; there are: ...`.
template <typename Enum, std::size_t N>
Enum value_of(const Names<Enum, N>& names, std::string_view what, std::string_view name) {
  std::string all;
  for (const auto& [value, candidate] : names) {
    if (candidate == name) return value;
    all += fmt::format("{}{}", all.empty() ? "" : ", ", candidate);
  }
  throw Error(std::string(what), fmt::format("there is no '{}'; there are: {}", name, all));
}

}  // namespace tessera

// Character classes of ASCII, independent of the locale, unlike <cctype>.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace tessera {

constexpr bool is_ascii_digit(int c) { return c >= '0' && c <= '9'; }

constexpr bool is_ascii_space(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

constexpr bool is_ascii_letter(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

constexpr bool is_ascii_alnum(int c) { return is_ascii_digit(c) || is_ascii_letter(c); }

/// Returns `text` with A to Z in lower case.
inline std::string ascii_lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return result;
}

}  // namespace tessera

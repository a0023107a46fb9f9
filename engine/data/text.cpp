#include "engine/data/text.h"

#include <algorithm>
#include <cstdint>

#include "tessera/error.h"

namespace tessera::data {
namespace {

/// Bytes of the character of UTF-8 that `text` starts with; 0: none, or a control character.
std::size_t character(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0};
  };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return first >= ' ' && first != 0x7f ? 1 : 0;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  std::uint32_t code = first & (0xffu >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3fu);
  }
  constexpr std::uint32_t least[] = {0, 0, 0xa0, 0x800, 0x10000};  // below 0xa0: control characters
  const bool is_surrogate = code >= 0xd800 && code < 0xe000;
  return code >= least[size] && code < 0x110000 && !is_surrogate ? size : 0;
}

}  // namespace

void remove_mark(const std::string& path, std::string_view& text) {
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
    throw Error(path, "is UTF-16 text, expected UTF-8");
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
}

bool is_printable(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string shown(std::string_view text) {
  constexpr std::size_t most = 40;
  std::string result;
  while (!text.empty()) {
    const std::size_t size = character(text);
    const std::string_view part = size == 0 ? "?" : text.substr(0, size);
    if (result.size() + part.size() > most) break;
    result += part;
    text.remove_prefix(std::max<std::size_t>(1, size));
  }
  return result;
}

}  // namespace tessera::data

#include "engine/data/text.h"

#include <algorithm>
#include <cstdint>

#include "tessera/error.h"
#include "tessera/text.h"

namespace tessera::data {
namespace {

/// Returns the bytes of the UTF-8 character at the start of `text`; 0: invalid or a control
/// character.
std::size_t character(std::string_view text) {
  const std::size_t size = utf8_character(text);
  if (size == 0) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const bool is_control = size == 1 ? byte(0) < ' ' || byte(0) == 0x7f
                                    : byte(0) == 0xc2 && byte(1) < 0xa0;  // U+0080 to U+009F
  return is_control ? 0 : size;
}

}  // namespace

void remove_mark(const std::string& path, std::string_view& text) {
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
    throw InvalidFile(path, "is UTF-16 text, expected UTF-8");
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

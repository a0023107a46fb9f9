#include "tessera/text.h"

#include <fmt/format.h>

#include <cstdint>

namespace tessera {
namespace {

std::uint8_t byte_of(std::string_view text, std::size_t i) {
  return static_cast<std::uint8_t>(text[i]);
}

/// Returns the code point of a character of `size` bytes.
std::uint32_t code_point(std::string_view text, std::size_t size) {
  const std::uint32_t first = byte_of(text, 0);
  std::uint32_t code = size == 1 ? first : first & (0x7fu >> size);
  for (std::size_t i = 1; i < size; ++i) code = code << 6 | (byte_of(text, i) & 0x3fu);
  return code;
}

/// Whether a character moves the cursor, controls a terminal, or hides or reorders the text around
/// it.
bool is_control(std::uint32_t code) {
  const auto within = [&](std::uint32_t first, std::uint32_t last) {
    return code >= first && code <= last;
  };
  return code < 0x20 || within(0x7f, 0x9f) || within(0x200e, 0x200f) || within(0x2028, 0x202e) ||
         within(0x2066, 0x2069) || code == 0xfeff;
}

std::string escape(std::uint32_t code) {
  switch (code) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return code < 0x80 ? fmt::format("\\x{:02x}", code) : fmt::format("\\u{:04x}", code);
  }
}

}  // namespace

std::size_t utf8_character(std::string_view text) {
  if (text.empty()) return 0;
  const std::uint8_t first = byte_of(text, 0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i)
    if ((byte_of(text, i) & 0xc0) != 0x80) return 0;
  const std::uint32_t code = code_point(text, size);
  const bool is_overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
  return is_overlong || is_surrogate || code > 0x10ffff ? 0 : size;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = utf8_character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string printable(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = utf8_character(text);
    if (size == 0)
      line += fmt::format("\\x{:02x}", byte_of(text, 0));
    else if (const std::uint32_t code = code_point(text, size); is_control(code))
      line += escape(code);
    else
      line += text.substr(0, size);
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return line;
}

}  // namespace tessera

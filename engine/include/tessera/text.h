// Text from elsewhere, such as names of files, classes and nodes, on its way to people.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tessera/export.h"

namespace tessera {

/// Returns the number of bytes of the UTF-8 character that `text` begins with; 0 if its first byte
/// begins none, or if the text is empty.
TESSERA_API std::size_t utf8_character(std::string_view text);
/// Returns whether all of the text is UTF-8.
TESSERA_API bool is_utf8(std::string_view text);

/// Returns the text as one line that is safe to print on a terminal. Control characters, line
/// separators, characters that change the direction of text and bytes that are not UTF-8 become
/// escapes of C, in hexadecimal. Backslashes stay, so that printing twice changes nothing.
TESSERA_API std::string printable(std::string_view text);

}  // namespace tessera

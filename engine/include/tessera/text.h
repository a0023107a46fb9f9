// Untrusted text, such as names of files, classes and nodes, before it is printed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tessera/export.h"

namespace tessera {

/// Returns the number of bytes of the first UTF-8 character of `text`; 0 if the text is empty or
/// does not start with a valid character.
TESSERA_API std::size_t utf8_character(std::string_view text);
/// Returns whether the text is valid UTF-8.
TESSERA_API bool is_utf8(std::string_view text);

/// Returns the text as one line that is safe to print on a terminal. Control characters, line
/// separators, characters that change the direction of text and bytes that are not UTF-8 become
/// hexadecimal C escapes. Backslashes are kept, so that applying it twice changes nothing.
TESSERA_API std::string printable(std::string_view text);

}  // namespace tessera

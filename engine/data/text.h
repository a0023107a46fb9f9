// Text of files: byte order marks, and what of it may be shown in a message.
#pragma once

#include <string>
#include <string_view>

namespace tessera::data {

/// Removes the byte order mark of UTF-8 from the start of a file's text. Throws Error that names
/// `path` when the mark is that of UTF-16.
void remove_mark(const std::string& path, std::string_view& text);

/// Whether the text is valid UTF-8 without control characters.
bool is_printable(std::string_view text);

/// The first 40 bytes at most, on one line: control characters, and bytes that are not UTF-8, are
/// replaced by question marks.
std::string shown(std::string_view text);

}  // namespace tessera::data

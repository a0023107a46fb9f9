// Text of files: byte order marks, and printable excerpts for messages.
#pragma once

#include <string>
#include <string_view>

namespace tessera::data {

/// Removes a UTF-8 byte order mark from the start of a file's text. Throws Error that names `path`
/// for a UTF-16 mark.
void remove_mark(const std::string& path, std::string_view& text);

/// Whether the text is valid UTF-8 without control characters.
bool is_printable(std::string_view text);

/// Returns at most the first 40 bytes as one line, with question marks for control characters and
/// invalid UTF-8.
std::string shown(std::string_view text);

}  // namespace tessera::data

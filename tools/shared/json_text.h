// JSON as text for files and terminals.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace tessera::tools {

/// Returns the object as text: on one line, or with `indent` spaces for each level. Bytes that are
/// not UTF-8 become U+FFFD, and characters that `printable` would escape become \u escapes.
std::string json_text(const nlohmann::ordered_json& json, int indent = -1);

}  // namespace tessera::tools

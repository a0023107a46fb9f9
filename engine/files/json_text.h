// JSON as text.
#pragma once

#include <string>

namespace tessera {

/// Replaces bytes that are not UTF-8 with U+FFFD, since names may have any bytes, but JSON may not.
/// By default nlohmann's dump throws.
template <typename Json>
std::string json_text(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tessera

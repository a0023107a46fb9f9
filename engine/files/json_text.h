// JSON as text.
#pragma once

#include <string>

namespace tessera {

/// Names need not be UTF-8, but JSON must be: bytes that are none become U+FFFD. nlohmann's dump
/// throws by default.
template <typename Json>
std::string json_text(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tessera

#include "tools/shared/json_text.h"

#include "tessera/text.h"

namespace tessera::tools {

std::string json_text(const nlohmann::ordered_json& json, int indent) {
  using Json = nlohmann::ordered_json;
  const std::string text = json.dump(indent, ' ', false, Json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size());
  for (std::string_view left = text; !left.empty();) {
    const std::string_view character = left.substr(0, utf8_character(left));
    left.remove_prefix(character.size());
    // ASCII control characters are already escaped, except DEL; line feeds separate members.
    const bool is_ascii = character.size() == 1 && character != "\x7f";
    if (is_ascii || printable(character) == character) {
      safe += character;
      continue;
    }
    const std::string escaped = Json(character).dump(-1, ' ', true);  // in quotes
    safe += std::string_view(escaped).substr(1, escaped.size() - 2);
  }
  return safe;
}

}  // namespace tessera::tools

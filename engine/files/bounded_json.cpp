#include "engine/files/bounded_json.h"

namespace tessera {

void check_json_depth(std::string_view text) {
  constexpr int most = 16;
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > most) throw Error(fmt::format("it is nested deeper than {}", most));
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

}  // namespace tessera

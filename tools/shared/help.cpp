#include "tools/shared/help.h"

#include <sstream>
#include <vector>

namespace tessera::tools {
namespace {

std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
  std::vector<std::string> lines;
  std::istringstream words(text);
  for (std::string word; words >> word;)
    if (lines.empty() || lines.back().size() + 1 + word.size() > width)
      lines.push_back(word);
    else
      lines.back() += " " + word;
  return lines;
}

}  // namespace

std::string Help::make_option(const CLI::Option* option, bool is_positional) const {
  return row(make_option_name(option, is_positional) + make_option_opts(option),
             make_option_desc(option));
}

std::string Help::make_subcommand(const CLI::App* command) const {
  return row(command->get_display_name(true), command->get_description());
}

/// Puts at least two spaces between an option and its description, or the description on the next
/// line.
std::string Help::row(const std::string& left, const std::string& meaning) const {
  constexpr std::size_t line_width = 80;
  std::string text = "  " + left;
  bool has_room = text.size() + 2 <= column_width_;
  if (has_room && !meaning.empty()) text.resize(column_width_, ' ');
  for (const std::string& line : wrapped(meaning, line_width - column_width_)) {
    if (!has_room) text += "\n" + std::string(column_width_, ' ');
    text += line;
    has_room = false;
  }
  return text + "\n";
}

}  // namespace tessera::tools

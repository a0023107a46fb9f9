#include "tools/shared/image_size.h"

#include <fmt/core.h>

#include <charconv>
#include <string_view>

namespace tessera::tools {
namespace {

/// A number from 1 to 16384, or 0.
std::int64_t pixels(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && number >= 1 && number <= 16384 ? number : 0;
}

std::string check_size(const std::string& text) {
  const auto [rows, columns] = parse_size(text);
  if (rows > 0 && columns > 0) return {};
  return fmt::format("found {}, expected a number or ROWSxCOLUMNS, each 1 to 16384", text);
}

}  // namespace

std::array<std::int64_t, 2> parse_size(const std::string& text) {
  const std::size_t x = text.find('x');
  if (x == std::string::npos) return {pixels(text), pixels(text)};
  return {pixels(text.substr(0, x)), pixels(text.substr(x + 1))};
}

CLI::Option* add_size_option(CLI::App& command, std::string& text, const std::string& otherwise) {
  return command
      .add_option("--size", text,
                  "rows and columns of an image, as 224 or 224x160 (default: " + otherwise + ")")
      ->check(CLI::Validator(check_size, ""));
}

}  // namespace tessera::tools

// The option --size of images.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tools/commands.h"

namespace tessera::tools {

/// Rows and columns of "224" or "224x160"; 0 where they are not numbers from 1 to 16384.
std::array<std::int64_t, 2> parse_size(const std::string& text);

/// Rows and columns; `text` stays empty unless the option is given. `otherwise`: what is taken
/// then.
CLI::Option* add_size_option(CLI::App& command, std::string& text, const std::string& otherwise);

}  // namespace tessera::tools

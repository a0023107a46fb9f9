// The option --size.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tools/commands.h"

namespace tessera::tools {

/// Returns rows and columns of "224" or "224x160"; 0 for anything but numbers from 1 to 16384.
std::array<std::int64_t, 2> parse_size(const std::string& text);

/// Adds --size; `text` stays empty unless the option is given. `otherwise`: the default, for the
/// help.
CLI::Option* add_size_option(CLI::App& command, std::string& text, const std::string& otherwise);

}  // namespace tessera::tools

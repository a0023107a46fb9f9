// The options of a command in a file: read from one, and written as a run took them.
#pragma once

#include <string>
#include <vector>

#include "tools/commands.h"

namespace tessera::tools {

/// Adds --config: a TOML file whose keys are names of options, without their dashes. What stands on
/// the command line overrides it. Must be the first option of the command, for it fills those
/// that come after it.
void add_config_option(CLI::App& command);

struct OptionValue {
  std::string name;                 ///< with its dashes
  std::vector<std::string> values;  ///< empty: of a flag
  bool given = false;               ///< on the command line or in a file; else its default
};

/// What a parsed command line comes to. An option without a value, given or by default, is left
/// out.
std::vector<OptionValue> option_values(const CLI::App& command);

/// The file of a model's options, beside it.
inline std::string config_path(const std::string& model) { return model + ".toml"; }

/// Writes a file for --config, without the files in which the run was recorded: those of another
/// run would take their place. Throws Error that names it when it cannot be written.
void write_config(const std::string& path, const std::vector<OptionValue>& options);

}  // namespace tessera::tools

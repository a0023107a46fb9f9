// Reads the options of a command from a file, and writes the options of a run.
#pragma once

#include <string>
#include <vector>

#include "tools/commands.h"

namespace tessera::tools {

/// Adds --config: a TOML file whose keys are option names without dashes. The command line
/// overrides the file. Must be the first option of the command, since it sets the options after it.
void add_config_option(CLI::App& command);

struct OptionValue {
  std::string name;                 ///< with its dashes
  std::vector<std::string> values;  ///< empty: of a flag
  bool given = false;               ///< on the command line or in a file; else its default
};

/// Returns the values of all options after parsing. Leaves out options with neither a value nor a
/// default.
std::vector<OptionValue> option_values(const CLI::App& command);

/// Returns the path of the options file beside a model.
inline std::string config_path(const std::string& model) { return model + ".toml"; }

/// Writes a file for --config, without the options of log and report files, which another run would
/// overwrite. Throws Error that names a file that cannot be written.
void write_config(const std::string& path, const std::vector<OptionValue>& options);

}  // namespace tessera::tools

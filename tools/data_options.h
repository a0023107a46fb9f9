// The options that say which images a command works on.
#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "tessera/data.h"

namespace tessera::tools {

struct DataOptions {
  std::string name = {};
  std::string directory = {};
  std::string size = {};      ///< of pictures
  std::int64_t channels = 0;  ///< of pictures; 0: colour
  double held_out = 0.1;
  bool skip_bad = false;

  CLI::Option* add(CLI::App& command);
  /// What a trained model knows of its own data.
  std::vector<CLI::Option*> add_shape(CLI::App& command);

  /// The name without folders, for a file name.
  std::string label() const;
  /// `side`: rows and columns of pictures where the options say nothing.
  DatasetOptions options(const std::array<std::int64_t, 2>& side) const;
};

/// Names on stderr what was left out, and returns how much that is.
std::size_t report_skipped(const Dataset& dataset);
/// ", 3 skipped", or nothing.
std::string skipped_text(std::size_t count);

}  // namespace tessera::tools

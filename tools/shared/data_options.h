// The options that say which images a command works on.
#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "tessera/data.h"

namespace tessera::tools {

struct DataOptions {
  std::string name = {};
  std::string directory = {};
  std::string size = {};      ///< of pictures
  std::int64_t channels = 0;  ///< of pictures; 0: color
  double held_out = 0.1;
  bool skip_bad = false;
  std::string crop = {};  ///< of image files; empty: as the model says
  std::int64_t max_image_pixels = default_max_image_pixels;
  std::int64_t memory_mib = 1024;  ///< DatasetOptions::memory

  CLI::Option* add(CLI::App& command);
  /// What a trained model knows of its own data.
  std::vector<CLI::Option*> add_shape(CLI::App& command);

  /// The name without folders, for a file name.
  std::string label() const;
  /// `side`: rows and columns of pictures where the options say nothing.
  DatasetOptions options(const std::array<std::int64_t, 2>& side) const;
};

/// Adds --crop, which fills `crop`.
CLI::Option* add_crop_option(CLI::App& command, std::string& crop);
/// Names on stderr what was left out or passed over, and returns how much was left out.
std::size_t report_skipped(std::initializer_list<const ImageDataset*> datasets);
/// ", 3 skipped", or nothing.
std::string skipped_text(std::size_t count);

}  // namespace tessera::tools

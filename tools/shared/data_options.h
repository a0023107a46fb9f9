// Options that choose the images of a command.
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
  std::string size = {};      ///< of images
  std::int64_t channels = 0;  ///< of images; 0: color
  double held_out = 0.1;
  bool skip_bad = false;
  std::string crop = {};  ///< of image files; empty: as the model was trained
  std::int64_t max_image_pixels = default_max_image_pixels;
  std::int64_t memory_mib = 1024;  ///< DatasetOptions::memory

  CLI::Option* add(CLI::App& command);
  /// Adds the options whose values a trained model fixes: --size, --crop, --channels and
  /// --held-out.
  std::vector<CLI::Option*> add_shape(CLI::App& command);

  /// Returns the name of the data set without folders, for a file name.
  std::string label() const;
  /// `side`: rows and columns of images if the options do not set them.
  DatasetOptions options(const std::array<std::int64_t, 2>& side) const;
};

/// Adds --crop, which fills `crop`.
CLI::Option* add_crop_option(CLI::App& command, std::string& crop);
/// Prints skipped and ignored files on stderr, and returns the number of skipped ones.
std::size_t report_skipped(std::initializer_list<const ImageDataset*> datasets);
/// Returns ", 3 skipped", or nothing.
std::string skipped_text(std::size_t count);

}  // namespace tessera::tools

// The options of commands that run a trained model: the model, its device and its images.
#pragma once

#include <string>

#include "tools/shared/networks.h"

namespace tessera::tools {

struct ModelOptions {
  std::string model;
  DataOptions data;
  DeviceOption device;
  PixelOptions pixels;
  std::string size;
  bool averaged = false;  ///< --ema

  /// `data_help`, `size_default`: what the help says of --data and of the default of --size.
  void add(CLI::App& command, const std::string& data_help, const std::string& size_default);
  OpenedNetwork open() const { return open_network(model, data, pixels, size); }
  Weights weights() const { return averaged ? Weights::averaged : Weights::last; }
};

}  // namespace tessera::tools

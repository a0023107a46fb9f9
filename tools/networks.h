// Models and networks by what the command line calls them: a name of tessera/models.h, a file that
// `tessera train` wrote, or an ONNX file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tessera/checkpoint.h"
#include "tools/commands.h"

namespace tessera::tools {

/// Ends in ".onnx".
bool is_onnx(const std::string& name);

/// One of the library's models, or that of an ONNX file.
Model open_model(const std::string& name, ImageInput input, std::vector<std::string> classes);

/// How pixels become the numbers that a net from elsewhere was made for.
struct PixelOptions {
  std::vector<double> mean, deviation;
  std::vector<CLI::Option*> add(CLI::App& command);
  /// Throws Error unless there is one number for each channel, or none.
  ImageOptions options(std::int64_t channels) const;
};

/// What a file says of its network. An ONNX file has neither data nor training; its images and
/// classes are those of the data set where one is named.
Checkpoint open_network(const std::string& path, const DataOptions& data,
                        const PixelOptions& pixels);
std::unique_ptr<Network> load(Device& device, const Checkpoint& checkpoint);

}  // namespace tessera::tools

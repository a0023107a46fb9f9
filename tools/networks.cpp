#include "tools/networks.h"

#include <fmt/core.h>

#include <utility>

#include "tessera/error.h"
#include "tessera/models.h"
#include "tessera/onnx.h"

namespace tessera::tools {

bool is_onnx(const std::string& name) { return name.ends_with(".onnx"); }

Model open_model(const std::string& name, ImageInput input, std::vector<std::string> classes) {
  return is_onnx(name) ? onnx_model(name, std::move(input), std::move(classes))
                       : make_model(name, std::move(input), std::move(classes));
}

std::vector<CLI::Option*> PixelOptions::add(CLI::App& command) {
  const auto add_one = [&](const char* name, std::vector<double>& numbers, const char* what) {
    return command
        .add_option(name, numbers,
                    fmt::format("{} of each channel, of pixels in [0,1], with commas, as a net "
                                "from elsewhere expects it (default: {})",
                                what, &numbers == &mean ? 0 : 1))
        ->delimiter(',');
  };
  return {add_one("--mean", mean, "mean"), add_one("--deviation", deviation, "standard deviation")};
}

ImageOptions PixelOptions::options(std::int64_t channels) const {
  for (const std::vector<double>* numbers : {&mean, &deviation})
    if (!numbers->empty() && static_cast<std::int64_t>(numbers->size()) != channels)
      throw Error(numbers == &mean ? "--mean" : "--deviation",
                  fmt::format("has {} numbers, expected {}, one for each channel", numbers->size(),
                              channels));
  return {.mean = mean, .deviation = deviation};
}

Checkpoint open_network(const std::string& path, const DataOptions& data,
                        const PixelOptions& pixels) {
  if (!is_onnx(path)) {
    if (!pixels.mean.empty() || !pixels.deviation.empty())
      throw Error(path, "says how its pixels become numbers; expected no --mean or --deviation");
    return read_checkpoint(path);
  }
  Checkpoint checkpoint;
  if (!data.name.empty()) {
    const auto dataset = load_dataset(data.name, Split::test, data.directory);
    checkpoint.input = {dataset->height(), dataset->width(), dataset->channels(), {}};
    checkpoint.classes = dataset->classes();
  }
  const Model model = onnx_model(path, checkpoint.input, checkpoint.classes);
  checkpoint.model = path;
  checkpoint.input = model.input;
  checkpoint.input.options = pixels.options(model.input.channels);
  checkpoint.classes = model.classes;
  return checkpoint;
}

std::unique_ptr<Network> load(Device& device, const Checkpoint& checkpoint) {
  if (!is_onnx(checkpoint.model)) return load_network(device, checkpoint);
  auto network = std::make_unique<Network>(
      device, onnx_model(checkpoint.model, checkpoint.input, checkpoint.classes));
  if (!checkpoint.file.tensors.empty()) restore(checkpoint, *network);
  return network;
}

}  // namespace tessera::tools

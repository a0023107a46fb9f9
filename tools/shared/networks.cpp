#include "tools/shared/networks.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "tessera/error.h"
#include "tessera/models.h"
#include "tools/shared/image_size.h"
#include "tools/shared/model_file.h"

namespace tessera::tools {

bool is_onnx(const std::string& name) { return name.ends_with(".onnx"); }

ImageModel open_model(const std::string& name, ImageInput input, std::vector<std::string> classes,
                      Head head) {
  return is_onnx(name) ? onnx_model(name, std::move(input), std::move(classes), head)
                       : make_model(name, std::move(input), std::move(classes));
}

ImageModel model_of(const Checkpoint& checkpoint) {
  ImageModel model =
      open_model(checkpoint.model, checkpoint.input, checkpoint.classes, Head::fitted);
  model.loss = checkpoint.loss;
  return model;
}

ImageInput published_input(const std::string& name) {
  if (is_onnx(name)) return onnx_input(name);
  const std::int64_t side = model_info(name).side;
  return {side, side, 3, {}};
}

std::vector<CLI::Option*> PixelOptions::add(CLI::App& command) {
  const auto add_one = [&](const char* name, std::vector<double>& numbers, const char* what) {
    return command
        .add_option(name, numbers,
                    fmt::format("{} of each channel for pixels in [0,1], separated by commas, as "
                                "the original model expects it (default: {})",
                                what, &numbers == &mean ? 0 : 1))
        ->delimiter(',')
        ->allow_extra_args(false);  // the next argument may be an image
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

namespace {

bool is_folder(const DataOptions& data) { return data.name.starts_with("folder:"); }

/// Image files are scaled, so that their size must be known.
void check_size(const std::string& model, std::int64_t height) {
  if (height < 1)
    throw Error(model, "does not fix the size of its images; set it with --size, e.g. 224");
}

/// Returns the image size of an ONNX file, as far as the file or --size fix it.
ImageInput known_input(const std::string& path, const DataOptions& data, const std::string& size) {
  ImageInput input = published_input(path);
  if (is_folder(data) && input.channels < 1) input.channels = 3;
  if (size.empty()) return input;
  if (!data.name.empty() && !is_folder(data) && !data.name.starts_with("csv:"))
    throw Error("--size",
                fmt::format("images of {} already have a size, expected no --size", data.name));
  const auto [height, width] = parse_size(size);
  input.height = height;
  input.width = width;
  return input;
}

}  // namespace

OpenedNetwork open_network(const std::string& path, const DataOptions& data,
                           const PixelOptions& pixels, const std::string& size) {
  if (!is_onnx(path)) {
    if (!pixels.mean.empty() || !pixels.deviation.empty())
      throw Error(
          path,
          "already defines the normalization of its pixels, expected no --mean or --deviation");
    if (!size.empty())
      throw Error(path, "already defines the size of its images, expected no --size");
    return {
        read_model(
            path,
            "a file that `tessera train` or `tessera import` wrote, or an ONNX file (NAME.onnx)"),
        {},
        {}};
  }
  OpenedNetwork opened;
  Checkpoint& checkpoint = opened.checkpoint;
  if (data.name.empty() || is_own_dataset(data.name) || !size.empty())
    checkpoint.input = known_input(path, data, size);
  if (!data.name.empty()) {
    if (is_folder(data)) check_size(path, checkpoint.input.height);
    opened.dataset = load_dataset(data.name, Split::test, dataset_options(data, checkpoint));
    const ImageDataset& dataset = *opened.dataset;
    checkpoint.input = {dataset.height(), dataset.width(), dataset.channels(), {}};
    checkpoint.classes = dataset.classes();
  }
  const ImageModel& model =
      opened.model.emplace(onnx_model(path, checkpoint.input, checkpoint.classes));
  checkpoint.model = path;
  checkpoint.input = model.input;
  const auto [padding, mean, deviation] = pixels.options(model.input.channels);
  if (!mean.empty() || !deviation.empty())
    checkpoint.input.options = {checkpoint.input.options.padding, mean, deviation};
  checkpoint.classes = model.classes;
  checkpoint.loss = model.loss;
  opened.model->input = checkpoint.input;
  return opened;
}

std::unique_ptr<ImageDataset> load_test(OpenedNetwork& opened, const std::string& name,
                                        const DataOptions& data) {
  if (opened.dataset) return std::move(opened.dataset);
  try {
    return load_dataset(name, Split::test, dataset_options(data, opened.checkpoint));
  } catch (const Error& error) {
    if (!data.name.empty()) throw;
    throw Error(fmt::format("{} (the model was trained on '{}'; choose other data with --data)",
                            error.what(), name));
  }
}

DatasetOptions dataset_options(const DataOptions& data, const Checkpoint& checkpoint) {
  const TrainingState& training = checkpoint.training;
  DatasetOptions options = data.options({});
  options.height = checkpoint.input.height;
  options.width = checkpoint.input.width;
  options.channels = checkpoint.input.channels;
  options.classes = checkpoint.classes;
  if (data.crop.empty()) options.crop = checkpoint.input.crop;
  options.seed = training.seed;
  const bool is_trained_on = data.name.empty() || data.name == training.data;
  options.held_out = is_trained_on ? training.held_out : 1;
  options.split_rule = training.split_rule;
  if (is_trained_on && training.train_data) options.cutoffs = training.train_data->cutoffs;
  return options;
}

DatasetOptions dataset_options(const DataOptions& data, const std::string& model,
                               std::uint64_t seed) {
  const bool is_own = is_own_dataset(data.name), is_open = is_own && data.size.empty();
  const bool takes_crop = is_own && data.crop.empty() && is_onnx(model);
  const ImageInput published = is_open || takes_crop ? published_input(model) : ImageInput{};
  const ImageInput input = is_open ? published : ImageInput{};
  DatasetOptions options = data.options({input.height, input.width});
  const bool is_scaled = options.channels > 0 && input.channels > 0;
  if (data.channels == 0 && is_scaled) options.channels = input.channels;
  if (takes_crop) options.crop = published.crop;
  options.seed = seed;
  if (is_folder(data)) check_size(model, options.height);
  return options;
}

std::int64_t evaluation_batch(const ImageDataset& dataset) {
  constexpr std::int64_t pixels = 1 << 21;
  return std::clamp<std::int64_t>(pixels / (dataset.height() * dataset.width()), 16, 250);
}

std::unique_ptr<ImageClassifier> load(Device& device, const Checkpoint& checkpoint) {
  auto network = std::make_unique<ImageClassifier>(device, model_of(checkpoint), std::nullopt);
  restore(checkpoint, *network);
  return network;
}

std::unique_ptr<ImageClassifier> load(Device& device, const OpenedNetwork& opened) {
  return opened.model ? std::make_unique<ImageClassifier>(device, *opened.model)
                      : load(device, opened.checkpoint);
}

}  // namespace tessera::tools

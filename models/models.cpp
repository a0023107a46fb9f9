// The table of models, and networks from checkpoints.
#include "tessera/models.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "models/architecture.h"
#include "tessera/error.h"

namespace tessera {
namespace {

using models::Architecture;

const std::vector<Architecture>& table() {
  static const std::vector<Architecture> all = [] {
    std::vector<Architecture> rows;
    for (const auto& family :
         {models::tutorials, models::lenets, models::alexnets, models::vggs, models::googlenets,
          models::resnets, models::squeezenets, models::densenets, models::mobilenets,
          models::efficientnets, models::vits, models::unets})
      for (Architecture& row : family()) rows.push_back(std::move(row));
    return rows;
  }();
  return all;
}

const Architecture& find(std::string_view name) {
  const auto found = std::find_if(table().begin(), table().end(),
                                  [&](const Architecture& row) { return row.info.name == name; });
  if (found != table().end()) return *found;
  for (const std::string_view ending : {".safetensors", ".pth", ".pt", ".bin"})
    if (name.ends_with(ending))
      throw Error("model",
                  fmt::format("'{}' is a file of weights, expected the name of a model (`tessera "
                              "models` lists them) or an ONNX file; `tessera train` reads weights "
                              "with --weights and resumes a training with --resume",
                              name));
  throw Error("model", fmt::format("there is no model '{}'; there are: {}", name,
                                   fmt::join(model_names(), ", ")));
}

Var append(const Architecture& model, std::int64_t height, std::int64_t width,
           std::int64_t channels) {
  Graph graph;
  return model.build(graph.input("image", {DType::f32, {1, height, width, channels}}), 2, {});
}

/// Returns the side of the smallest square that the model accepts, or nothing.
std::optional<std::int64_t> least_side(const Architecture& model, std::int64_t channels) {
  for (std::int64_t side = 1; side <= model.info.side; ++side) {
    try {
      append(model, side, side, channels);
      return side;
    } catch (const Error&) {  // too small
    }
  }
  return {};
}

/// Throws Error unless the model accepts images of this size. Tries to build a graph, which needs
/// no data.
void check_size(const Architecture& model, const Shape& image) {
  try {
    append(model, image[0], image[1], image[2]);
  } catch (const Error&) {
    const auto least = least_side(model, image[2]);
    if (!least || std::min(image[0], image[1]) >= *least) throw;
    throw Error(model.info.name, fmt::format("images are {}x{}, expected at least {}x{}", image[0],
                                             image[1], *least, *least));
  }
}

void pad_to(std::int64_t side, const std::string& name, ImageInput& input) {
  if (input.height != input.width || input.height < 1 || input.height > side ||
      (side - input.height) % 2 != 0)
    throw Error(name, fmt::format("images are {}x{}, expected a square of an even number of "
                                  "rows up to {}",
                                  input.height, input.width, side));
  input.options.padding = (side - input.height) / 2;
}

}  // namespace

std::vector<ModelInfo> list_models() {
  std::vector<ModelInfo> all;
  for (const Architecture& row : table()) all.push_back(row.info);
  return all;
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const Architecture& row : table()) names.push_back(row.info.name);
  return names;
}

const ModelInfo& model_info(std::string_view name) { return find(name).info; }

Var append_model(std::string_view name, Var x, std::int64_t classes, const ModelOptions& options) {
  const Architecture& model = find(name);
  if (x.spec().rank() != 4)
    throw Error(model.info.name,
                fmt::format("images are {}, expected 4 dimensions", to_string(x.spec())));
  check_size(model, {x.shape()[1], x.shape()[2], x.shape()[3]});
  return model.build(x, classes, options);
}

ImageModel make_model(std::string_view name, ImageInput input, std::vector<std::string> classes,
                      const ModelOptions& options) {
  const Architecture& model = find(name);
  if (!model.info.classifier)
    throw Error(model.info.name, "returns one class per pixel, expected an image classifier");
  if (model.padded_to > 0) pad_to(model.padded_to, model.info.name, input);
  const std::int64_t padding = 2 * input.options.padding;
  check_size(model, {input.height + padding, input.width + padding, input.channels});
  const auto outputs = static_cast<std::int64_t>(classes.size());
  return {model.info.name, std::move(input), std::move(classes),
          [&model, outputs, options](Var x) { return model.build(x, outputs, options); }};
}

std::unique_ptr<ImageClassifier> load_network(Device& device, const Checkpoint& checkpoint) {
  check_classifier(checkpoint);
  ImageModel model = make_model(checkpoint.model, checkpoint.input, checkpoint.classes);
  model.loss = checkpoint.loss;
  auto network = std::make_unique<ImageClassifier>(device, std::move(model), std::nullopt);
  restore(checkpoint, *network);
  return network;
}

}  // namespace tessera

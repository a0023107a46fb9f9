// `tessera import` and `tessera export`: weights from PyTorch as a network to use here, and back,
// and networks as ONNX files.
#include "tools/shared/weights.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "tessera/error.h"
#include "tessera/models.h"
#include "tessera/onnx.h"
#include "tessera/state_dict.h"
#include "tools/shared/image_size.h"
#include "tools/shared/networks.h"
#include "tools/shared/standard_streams.h"

namespace tessera::tools {
namespace {

struct ImportArguments {
  std::string weights;
  std::string model;
  std::string out;
  std::string size;
  std::string classes;  ///< file of names
  std::int64_t channels = 3;
  PixelOptions pixels;
  std::string crop = "none";
};

struct ExportArguments {
  std::string model;
  std::string out;
  std::string size;
  bool averaged = false;
  bool keep_norms = false;
};

bool is_checkpoint(const TensorFile& file) {
  const auto format = file.metadata.find("format");
  return format != file.metadata.end() && format->second.starts_with("tessera");
}

TensorFile read_state_dict(const std::string& path) {
  TensorFile file = read_weights(path);
  if (is_checkpoint(file)) throw Error(path, "is a Tessera model file, expected PyTorch weights");
  return file;
}

/// Returns class names "0", "1" and so on.
std::vector<std::string> numbers(std::int64_t count) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < count; ++i) names.push_back(fmt::format("{}", i));
  return names;
}

std::map<std::string, TorchLayout> layouts_of(const std::string& model, const ImageInput& input,
                                              std::int64_t classes) {
  Graph graph;
  append_classifier(graph, make_model(model, input, numbers(classes)), 1);
  return torch_layouts(graph);
}

/// Returns the names of the tensors that depend on the number of classes.
std::vector<std::string> names_of_head(const std::string& model, const ImageInput& input) {
  std::vector<std::string> names;
  const auto layouts = layouts_of(model, input, 3);
  for (const auto& [name, layout] : layouts_of(model, input, 2))
    if (layout.shape != layouts.at(name).shape) names.push_back(name);
  return names;
}

/// Returns the number of classes of the weights: the first dimension of the tensors that depend on
/// it.
std::int64_t count_classes(const std::string& model, const ImageInput& input,
                           const TensorFile& file) {
  const auto names = names_in_file(file, layouts_of(model, input, 2));
  for (const std::string& name : names_of_head(model, input)) {
    const auto found = names.find(name);
    if (found == names.end()) continue;
    const TensorSpec& spec = file.tensors.at(found->second).spec;
    if (spec.rank() > 0 && spec.elements() > 0) return spec.shape[0];
  }
  return model_info(model).classes;
}

/// Returns the names of the last layer's tensors.
std::vector<std::string> names_of_head(const ImageModel& model) {
  if (is_onnx(model.name)) return {"new_head.weight", "new_head.bias"};
  return names_of_head(model.name, model.input);
}

constexpr const char* head_hint = "; --new-head starts with a new last layer";

/// Copies the weights and statistics of a checkpoint, without the state of its training.
void load_checkpoint(const std::string& path, const Checkpoint& checkpoint,
                     ImageClassifier& network, bool new_head) {
  const auto& tensors = checkpoint.file.tensors;
  const std::vector<std::string> head = names_of_head(network.model());
  std::vector<std::string> problems, names;
  bool has_other_head = false;
  for (const auto& [name, entry] : network.params().entries()) {
    const auto found = tensors.find(name);
    if (found != tensors.end() && found->second.spec == entry.spec) {
      names.push_back(name);
      continue;
    }
    const bool is_head = std::find(head.begin(), head.end(), name) != head.end();
    if (is_head && new_head) continue;
    has_other_head |= is_head;
    problems.push_back(found == tensors.end()
                           ? fmt::format("'{}' is missing", name)
                           : fmt::format("'{}' is {}, expected {}", name,
                                         to_string(found->second.spec), to_string(entry.spec)));
  }
  if (!problems.empty())
    throw Error(path, fmt::format("has the model '{}', which does not fit '{}': {}{}",
                                  checkpoint.model, network.model().name, fmt::join(problems, "; "),
                                  has_other_head ? head_hint : ""));
  for (const std::string& name : names) network.params().write(name, tensors.at(name).bytes);
}

void write_tensors(const std::string& path, const TensorFile& file, ImageClassifier& network) {
  try {
    load_state_dict(file, network);
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", path, error.what()));
  }
}

void run_import(const ImportArguments& arguments) {
  check_checkpoint_path(arguments.out);
  const TensorFile file = read_state_dict(arguments.weights);
  const std::int64_t side = model_info(arguments.model).side;
  const auto [height, width] =
      arguments.size.empty() ? std::array{side, side} : parse_size(arguments.size);
  const ImageInput input{height, width, arguments.channels,
                         arguments.pixels.options(arguments.channels), crop_of(arguments.crop)};
  const std::vector<std::string> classes =
      arguments.classes.empty() ? numbers(count_classes(arguments.model, input, file))
                                : read_class_names(arguments.classes);
  const auto device = open_device("cpu");
  ImageClassifier network(*device, make_model(arguments.model, input, classes));
  write_tensors(arguments.weights, file, network);
  save_checkpoint(arguments.out, network);
  print("model: {} ({}, images {}x{}x{}, {} classes)\n", arguments.out, arguments.model, height,
        width, arguments.channels, classes.size());
}

/// Returns the network of a checkpoint or of an ONNX file.
std::unique_ptr<ImageClassifier> load_any(Device& device, const ExportArguments& arguments) {
  return load(device, open_network(arguments.model, {}, {}, arguments.size));
}

void export_onnx(const ExportArguments& arguments) {
  const auto device = open_device("cpu");
  const auto network = load_any(*device, arguments);
  write_onnx(arguments.out, *network,
             {.folded = !arguments.keep_norms,
              .weights = arguments.averaged ? Weights::averaged : Weights::last});
  print("model: {}\n", arguments.out);
}

void run_export(const ExportArguments& arguments) {
  check_checkpoint_path(arguments.out);
  if (is_onnx(arguments.out)) return export_onnx(arguments);
  if (!arguments.out.ends_with(".safetensors"))
    throw Error("--out", fmt::format("is '{}', expected a name that ends in .onnx or .safetensors",
                                     arguments.out));
  if (arguments.keep_norms)
    throw Error("--keep-norms", fmt::format("is for ONNX files only, found '{}'", arguments.out));
  const auto device = open_device("cpu");
  const auto network = load_any(*device, arguments);
  Params& params = network->params();
  TensorFile file = state_dict(*network);
  if (arguments.averaged) {
    for (const auto& [name, tensor] : file.tensors)
      if (params.entry(name).role == Role::parameter)
        params.write(name, params.read(average_of(params, name)));
    file = state_dict(*network);
  }
  file.metadata = {{"format", "pt"}};
  write_safetensors(arguments.out, file);
  print("weights: {}\n", arguments.out);
}

}  // namespace

InitialWeights read_initial_weights(const std::string& path) {
  TensorFile file = read_weights(path);
  if (is_checkpoint(file)) return {path, read_checkpoint(path, std::move(file)), {}};
  return {path, {}, std::move(file)};
}

void load_weights(InitialWeights weights, ImageClassifier& network, bool new_head) {
  auto& [path, checkpoint, file] = weights;
  if (checkpoint) return load_checkpoint(path, *checkpoint, network, new_head);
  const ImageModel& model = network.model();
  const TensorFile own = state_dict(network);
  const auto names = is_onnx(model.name)
                         ? std::map<std::string, std::string>{}
                         : names_in_file(file, layouts_of(model.name, model.input, 2));
  bool has_other_head = false;
  for (const std::string& name : names_of_head(model)) {
    const auto renamed = names.find(name);
    const auto found = file.tensors.find(renamed == names.end() ? name : renamed->second);
    if (found == file.tensors.end() || !own.tensors.contains(name) ||
        found->second.spec == own.tensors.at(name).spec)
      continue;
    has_other_head = true;
    if (new_head) found->second = own.tensors.at(name);
  }
  try {
    write_tensors(path, file, network);
  } catch (const Error& error) {
    throw Error(error.what() + std::string(has_other_head && !new_head ? head_hint : ""));
  }
}

void add_import_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("import", "Make a model file from PyTorch weights");
  auto arguments = std::make_shared<ImportArguments>();
  command
      ->add_option("weights", arguments->weights,
                   "safetensors file of a state_dict with torchvision's names, as "
                   "safetensors.torch.save_file writes it, or the model.safetensors.index.json of "
                   "several files")
      ->required();
  command->add_option("--model", arguments->model, "the model (see `tessera models`)")->required();
  command->add_option("--out", arguments->out, "model file to write")->required();
  add_size_option(*command, arguments->size, "the size that the model was published for");
  command->add_option("--channels", arguments->channels, "channels of an image (1: gray, 3: color)")
      ->check(at_least<std::int64_t>(1));
  command->add_option("--classes", arguments->classes,
                      "text file with one class name per line (default: numbers)");
  add_crop_option(*command, arguments->crop);
  arguments->pixels.add(*command);
  command->callback([arguments] { run_import(*arguments); });
}

void add_export_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "export",
      "Export a model as an ONNX file, or its weights as a safetensors file of a state_dict, which "
      "PyTorch reads with load_state_dict(safetensors.torch.load_file(FILE))");
  auto arguments = std::make_shared<ExportArguments>();
  command
      ->add_option("model,--model", arguments->model,
                   "file that `tessera train` wrote, or an ONNX file")
      ->required();
  command->add_option("--out", arguments->out, "file to write: NAME.onnx or NAME.safetensors")
      ->required();
  add_size_option(*command, arguments->size, "of an ONNX file: its own");
  command->add_flag(
      "--keep-norms", arguments->keep_norms,
      "keep batch norms in the ONNX file instead of folding them into the preceding filters");
  command->add_flag("--ema", arguments->averaged,
                    "export the averaged weights of `tessera train --ema`");
  command->callback([arguments] { run_export(*arguments); });
}

}  // namespace tessera::tools

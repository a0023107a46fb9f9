#include "tessera/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "engine/files/bounded_json.h"
#include "engine/files/json_text.h"
#include "engine/graph/dtype_name.h"
#include "engine/ops/dropout.h"
#include "engine/training/training_json.h"
#include "tessera/error.h"
#include "tessera/output_file.h"

namespace tessera {
namespace {

using nlohmann::json;

constexpr const char* format_name = "tessera-1";

/// The internal states of the trainer live in one process and are not saved.
bool is_saved(const std::string& name) { return !name.starts_with("trainer."); }

/// Returns a message about the first non-finite element of a tensor, or nothing.
std::string not_finite(const std::string& name, const TensorSpec& spec,
                       const std::vector<std::byte>& bytes) {
  if (spec.dtype != DType::f32) return {};
  constexpr std::uint32_t exponent = 0x7f800000;  // all ones: infinite, or not a number
  std::array<std::uint32_t, 1024> block;
  for (std::size_t offset = 0; offset < bytes.size(); offset += sizeof block) {
    const std::size_t size = std::min(sizeof block, bytes.size() - offset);
    std::memcpy(block.data(), bytes.data() + offset, size);
    const auto numbers = std::span(block).first(size / sizeof(float));
    const auto is_bad = [](std::uint32_t bits) { return (bits & exponent) == exponent; };
    bool any = false;
    for (const std::uint32_t bits : numbers) any |= is_bad(bits);
    if (!any) continue;
    const auto bad = std::find_if(numbers.begin(), numbers.end(), is_bad);
    return fmt::format("'{}' has the element {} at {}, expected finite numbers", name,
                       std::bit_cast<float>(*bad),
                       offset / sizeof(float) + static_cast<std::size_t>(bad - numbers.begin()));
  }
  return {};
}

json input_json(const ImageInput& input) {
  json j = {{"height", input.height},     {"width", input.width},
            {"channels", input.channels}, {"padding", input.options.padding},
            {"mean", input.options.mean}, {"deviation", input.options.deviation}};
  if (input.crop != Crop::none) j["crop"] = to_string(input.crop);
  return j;
}

ImageInput input_of(const json& j) {
  return {whole(j, "height", 1),
          whole(j, "width", 1),
          whole(j, "channels", 1),
          {whole(j, "padding", 0), finite_numbers(j, "mean"), finite_numbers(j, "deviation")},
          crop_of(json_member_or<std::string>(j, "crop", "none"))};
}

json task_json(const TaskDescription& task) {
  json inputs = json::array();
  for (const auto& [name, spec] : task.inputs)
    inputs.push_back({{"name", name}, {"type", to_string(spec.dtype)}, {"shape", spec.shape}});
  return {{"name", task.name},
          {"inputs", inputs},
          {"outputs", task.outputs},
          {"metrics", task.metrics}};
}

DType dtype_of(const std::string& name) {
  if (const std::optional<DType> dtype = dtype_named(name)) return *dtype;
  throw Error("there is no element type '" + name + "'");
}

TaskDescription task_of(const json& j) {
  using Names = std::vector<std::string>;
  TaskDescription task{json_member<std::string>(j, "name"),
                       {},
                       json_member<Names>(j, "outputs"),
                       json_member<Names>(j, "metrics")};
  const json& inputs = member_of(j, "inputs");
  if (!inputs.is_array()) throw Error("'inputs' is not a list");
  for (const json& input : inputs) {
    const TensorSpec spec{dtype_of(json_member<std::string>(input, "type")),
                          json_member<Shape>(input, "shape")};
    spec.bytes();  // checks the shape
    task.inputs.push_back({json_member<std::string>(input, "name"), spec});
  }
  return task;
}

using Metadata = std::map<std::string, std::string>;

Metadata metadata_of(const Network& network, const TaskDescription& task,
                     const TrainingState& training) {
  Metadata metadata = {{"format", format_name},
                       {"model", task.name},
                       {"task", json_text(task_json(task))},
                       {"training", json_text(training_json(training))}};
  if (const auto* const classifier = dynamic_cast<const ImageClassifier*>(&network)) {
    const ImageModel& model = classifier->model();
    metadata["loss"] = to_string(model.loss);
    metadata["input"] = json_text(input_json(model.input));
    metadata["classes"] = json_text(json(model.classes));
  }
  return metadata;
}
/// Parses everything but the tensors.
Checkpoint parse(const Metadata& metadata) {
  const auto text = [&](const char* name) {
    const auto found = metadata.find(name);
    if (found == metadata.end()) throw Error(fmt::format("'{}' is missing", name));
    return found->second;
  };
  Checkpoint checkpoint;
  checkpoint.model = text("model");
  if (metadata.contains("task")) checkpoint.task = task_of(parse_json<json>(text("task")));
  // Other tasks have no images.
  if (!metadata.contains("task") || metadata.contains("classes")) {
    if (metadata.contains("loss")) checkpoint.loss = loss_of(text("loss"));
    checkpoint.input = input_of(parse_json<json>(text("input")));
    checkpoint.classes =
        json_value<std::vector<std::string>>(parse_json<json>(text("classes")), "'classes'");
  }
  checkpoint.training = training_of(parse_json<json>(text("training")));
  return checkpoint;
}

/// Throws Error unless `parse` can read the metadata back. Ignores the tensors.
Checkpoint described(const Network& network, const TrainingState& training) {
  Metadata metadata = metadata_of(network, network.description(), training);
  try {
    Checkpoint checkpoint = parse(metadata);
    checkpoint.training = training;
    checkpoint.file.metadata = std::move(metadata);
    return checkpoint;
  } catch (const Error& error) {
    throw Error("checkpoint", std::string("could not be read back: ") + error.what());
  }
}

}  // namespace

void check_checkpoint(const Network& network, const TrainingState& training) {
  described(network, training);
}

Checkpoint checkpoint_of(const Network& network, const TrainingState& training) {
  Checkpoint checkpoint = described(network, training);
  for (const auto& [name, entry] : network.params().entries())
    if (is_saved(name)) checkpoint.file.tensors[name] = {entry.spec, network.params().read(name)};
  return checkpoint;
}

void save_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  for (const auto& [name, tensor] : checkpoint.file.tensors) {
    const std::string problem = not_finite(name, tensor.spec, tensor.bytes);
    if (!problem.empty()) throw Error(path, "not written: " + problem);
  }
  write_safetensors(path, checkpoint.file);
}

void save_checkpoint(const std::string& path, const Network& network,
                     const TrainingState& training) {
  save_checkpoint(path, checkpoint_of(network, training));
}

void check_classifier(const Checkpoint& checkpoint) {
  if (!checkpoint.is_classifier())
    throw Error("checkpoint",
                "has the task '" + checkpoint.task.name + "', expected an image classifier");
}

void check_checkpoint_path(const std::string& path) { check_output(path); }

Checkpoint read_checkpoint(const std::string& path) {
  return read_checkpoint(path, read_safetensors(path));
}

Checkpoint read_checkpoint(const std::string& path, TensorFile file) {
  const auto format = file.metadata.find("format");
  if (format == file.metadata.end() || format->second != format_name)
    throw InvalidFile(
        path, fmt::format("is safetensors with format '{}', expected a checkpoint with "
                          "format '{}'",
                          format == file.metadata.end() ? "" : format->second, format_name));
  Checkpoint checkpoint;
  try {
    checkpoint = parse(file.metadata);
  } catch (const Error& error) {
    throw InvalidFile(path, std::string("has damaged metadata: ") + error.what());
  }
  checkpoint.file = std::move(file);
  for (const auto& [name, tensor] : checkpoint.file.tensors) {
    const std::string problem = not_finite(name, tensor.spec, tensor.bytes);
    if (!problem.empty()) throw InvalidFile(path, problem);
  }
  return checkpoint;
}

namespace {

/// Whether a tensor belongs to a training that this process has not started: the step number, or an
/// optimizer's state "<parameter>.<name>".
bool is_training_state(const std::string& name, const Params& params) {
  return name == step_name || params.has(name.substr(0, name.rfind('.')));
}

}  // namespace

void restore(const Checkpoint& checkpoint, Network& network) {
  const Task& task = network.task();
  if (!checkpoint.task.inputs.empty() && checkpoint.task.inputs != task.inputs)
    throw Error("checkpoint", fmt::format("has the task '{}' with inputs {}, expected '{}' with {}",
                                          checkpoint.task.name, to_string(checkpoint.task.inputs),
                                          task.name, to_string(task.inputs)));
  std::vector<std::string> problems;
  const auto& tensors = checkpoint.file.tensors;
  for (const auto& [name, entry] : network.params().entries()) {
    if (!is_saved(name)) continue;
    const auto found = tensors.find(name);
    if (found == tensors.end())
      problems.push_back(fmt::format("'{}' is missing", name));
    else if (found->second.spec != entry.spec)
      problems.push_back(fmt::format("'{}' is {}, expected {}", name, to_string(found->second.spec),
                                     to_string(entry.spec)));
  }
  for (const auto& [name, tensor] : tensors)
    if (!network.params().has(name) && !is_training_state(name, network.params()))
      problems.push_back(fmt::format("'{}' is unexpected", name));
  if (!problems.empty())
    throw Error("checkpoint",
                fmt::format("does not fit model '{}': {}", task.name, fmt::join(problems, "; ")));
  for (const auto& [name, tensor] : tensors)
    if (network.params().has(name))
      network.params().write(name, tensor.bytes);
    else
      network.params().add_state(name, tensor.spec, tensor.bytes);
}

}  // namespace tessera

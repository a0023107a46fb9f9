#include "tessera/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "tessera/error.h"

namespace tessera {
namespace {

using nlohmann::json;

constexpr const char* format_name = "tessera-1";

/// What the trainer keeps for itself lives for one process and is not saved.
bool is_saved(const std::string& name) { return !name.starts_with("trainer."); }

void check_finite(const std::string& path, const std::string& name, const TensorSpec& spec,
                  const std::vector<std::byte>& bytes) {
  if (spec.dtype != DType::f32) return;
  for (std::size_t offset = 0; offset < bytes.size(); offset += sizeof(float)) {
    float x;
    std::memcpy(&x, bytes.data() + offset, sizeof x);
    if (!std::isfinite(x))
      throw Error(path, fmt::format("not written: '{}' has the element {} at {}, expected finite "
                                    "numbers",
                                    name, x, offset / sizeof(float)));
  }
}

json input_json(const ImageInput& input) {
  return {{"height", input.height},     {"width", input.width},
          {"channels", input.channels}, {"padding", input.options.padding},
          {"mean", input.options.mean}, {"deviation", input.options.deviation}};
}

ImageInput input_of(const json& j) {
  return {j.at("height"),
          j.at("width"),
          j.at("channels"),
          {j.at("padding"), j.at("mean").get<std::vector<double>>(),
           j.at("deviation").get<std::vector<double>>()}};
}

json training_json(const TrainingState& t) {
  return {{"data", t.data},
          {"generator", {{"algorithm", "philox4x32-10"}, {"seed", t.seed}}},
          {"optimizer", {{"name", "sgd"}, {"lr", t.lr}, {"momentum", t.momentum}}},
          {"batch", t.batch},
          {"step", t.step},
          {"epoch", t.epoch},
          {"batch_in_epoch", t.batch_in_epoch},
          {"epoch_loss_sum", t.epoch_loss_sum}};
}

TrainingState training_of(const json& j) {
  return {j.at("data"),
          j.at("generator").at("seed"),
          j.at("batch"),
          j.at("optimizer").at("lr"),
          j.at("optimizer").at("momentum"),
          j.at("step"),
          j.at("epoch"),
          j.at("batch_in_epoch"),
          j.at("epoch_loss_sum")};
}

}  // namespace

void save_checkpoint(const std::string& path, const Network& network,
                     const TrainingState& training) {
  TensorFile file;
  for (const auto& [name, entry] : network.params().entries()) {
    if (!is_saved(name)) continue;
    std::vector<std::byte> bytes = network.params().read(name);
    check_finite(path, name, entry.spec, bytes);
    file.tensors[name] = {entry.spec, std::move(bytes)};
  }
  const Model& model = network.model();
  file.metadata = {{"format", format_name},
                   {"model", model.name},
                   {"input", input_json(model.input).dump()},
                   {"classes", json(model.classes).dump()},
                   {"training", training_json(training).dump()}};
  write_safetensors(path, file);
}

Checkpoint read_checkpoint(const std::string& path) {
  Checkpoint checkpoint;
  checkpoint.file = read_safetensors(path);
  const auto& metadata = checkpoint.file.metadata;
  const auto format = metadata.find("format");
  if (format == metadata.end() || format->second != format_name)
    throw Error(path, fmt::format("is safetensors with format '{}', expected a checkpoint with "
                                  "format '{}'",
                                  format == metadata.end() ? "" : format->second, format_name));
  try {
    checkpoint.model = metadata.at("model");
    checkpoint.input = input_of(json::parse(metadata.at("input")));
    checkpoint.classes = json::parse(metadata.at("classes")).get<std::vector<std::string>>();
    checkpoint.training = training_of(json::parse(metadata.at("training")));
  } catch (const std::exception& error) {  // json's, and std::out_of_range
    throw Error(path, std::string("has damaged metadata: ") + error.what());
  }
  return checkpoint;
}

void restore(const Checkpoint& checkpoint, Network& network) {
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
    if (!network.params().has(name) && !name.ends_with(".momentum") && name != "step")
      problems.push_back(fmt::format("'{}' is unexpected", name));
  if (!problems.empty())
    throw Error("checkpoint", fmt::format("does not fit model '{}': {}", network.model().name,
                                          fmt::join(problems, "; ")));
  for (const auto& [name, tensor] : tensors)
    if (network.params().has(name)) network.params().write(name, tensor.bytes);
}

}  // namespace tessera

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

#include "engine/atomic_file.h"
#include "engine/ops/dropout.h"
#include "tessera/error.h"

namespace tessera {
namespace {

using nlohmann::json;

constexpr const char* format_name = "tessera-1";

/// What the trainer keeps for itself lives for one process and is not saved.
bool is_saved(const std::string& name) { return !name.starts_with("trainer."); }

/// What is not finite in a tensor, or nothing.
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

/// A whole number from `least` to 2^31 - 1.
std::int64_t whole(const json& j, const char* name, std::int64_t least) {
  const json& value = j.at(name);
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  if (!value.is_number_integer() || value > most || value < least)
    throw Error(fmt::format("'{}' is {}, expected a whole number from {} to {}", name, value.dump(),
                            least, most));
  return value;
}

double finite(const json& j, const char* name) {
  const json& value = j.at(name);
  if (!value.is_number() || !std::isfinite(value.get<double>()))
    throw Error(fmt::format("'{}' is {}, expected a finite number", name, value.dump()));
  return value;
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
          {whole(j, "padding", 0), j.at("mean").get<std::vector<double>>(),
           j.at("deviation").get<std::vector<double>>()},
          crop_of(j.value("crop", "none"))};
}

json optimizer_json(const TrainerOptions& o) {
  return {{"name", to_string(o.optimizer)},
          {"lr", o.lr.value()},
          {"momentum", o.momentum.value()},
          {"nesterov", o.nesterov},
          {"beta1", o.beta1},
          {"beta2", o.beta2},
          {"alpha", o.alpha},
          {"eps", o.eps.value()},
          {"weight_decay", o.weight_decay.value()},
          {"decay_all", o.decay_all},
          {"clip_value", o.clip_value},
          {"clip_norm", o.clip_norm},
          {"accumulate", o.accumulate},
          {"ema", o.ema},
          {"on_nan", to_string(o.on_nan)},
          {"augment", to_string(o.augment)},
          {"label_smoothing", o.loss.label_smoothing},
          {"class_weights", o.loss.class_weights},
          {"seed", o.seed}};
}

json schedule_json(const ScheduleOptions& o) {
  return {{"name", to_string(o.kind)},
          {"steps", o.steps},
          {"period", o.period},
          {"milestones", o.milestones},
          {"gamma", o.gamma},
          {"power", o.power},
          {"min_lr", o.min_lr},
          {"rise", o.rise},
          {"initial_divisor", o.initial_divisor},
          {"final_divisor", o.final_divisor},
          {"warmup", o.warmup},
          {"warmup_factor", o.warmup_factor}};
}

json training_json(const TrainingState& t) {
  const TrainerOptions options = with_defaults(t.options);
  return {{"data", t.data},
          {"generator", {{"algorithm", "philox4x32-10"}, {"seed", t.seed}}},
          {"optimizer", optimizer_json(options)},
          {"schedule", schedule_json(options.schedule)},
          {"batch", t.batch},
          {"step", t.step},
          {"epoch", t.epoch},
          {"batch_in_epoch", t.batch_in_epoch},
          {"epoch_loss_sum", t.epoch_loss_sum},
          {"held_out", t.held_out},
          {"skipped", t.skipped}};
}

ScheduleOptions schedule_of(const json& j) {
  return {tessera::schedule_of(j.at("name").get<std::string>()),
          whole(j, "steps", 0),
          whole(j, "period", 1),
          j.at("milestones").get<std::vector<std::int64_t>>(),
          j.at("gamma"),
          j.at("power"),
          j.at("min_lr"),
          j.at("rise"),
          j.at("initial_divisor"),
          j.at("final_divisor"),
          whole(j, "warmup", 0),
          j.at("warmup_factor")};
}

/// The first checkpoints knew sgd with momentum only.
TrainerOptions options_of(const json& training) {
  const json& j = training.at("optimizer");
  TrainerOptions o;
  o.optimizer = optimizer_of(j.at("name"));
  o.lr = finite(j, "lr");
  o.momentum = finite(j, "momentum");
  if (!training.contains("schedule")) return with_defaults(o);
  j.at("nesterov").get_to(o.nesterov);
  j.at("beta1").get_to(o.beta1);
  j.at("beta2").get_to(o.beta2);
  j.at("alpha").get_to(o.alpha);
  o.eps = finite(j, "eps");
  o.weight_decay = finite(j, "weight_decay");
  j.at("decay_all").get_to(o.decay_all);
  j.at("clip_value").get_to(o.clip_value);
  j.at("clip_norm").get_to(o.clip_norm);
  o.accumulate = whole(j, "accumulate", 1);
  j.at("ema").get_to(o.ema);
  o.augment = augmentation_of(j.value("augment", ""));  // newer than the rest, as what follows
  o.loss = {j.value("label_smoothing", 0.0), j.value("class_weights", std::vector<double>{})};
  o.seed = j.value("seed", std::uint64_t{0});
  o.on_nan = on_nan_of(j.value("on_nan", "stop"));
  o.schedule = schedule_of(training.at("schedule"));
  return with_defaults(o);
}

TrainingState training_of(const json& j) {
  const json& seed = j.at("generator").at("seed");
  if (!seed.is_number_unsigned())
    throw Error(fmt::format("'seed' is {}, expected a whole number from 0", seed.dump()));
  return {j.at("data"),
          seed,
          whole(j, "batch", 0),
          options_of(j),
          whole(j, "step", 0),
          whole(j, "epoch", 0),
          whole(j, "batch_in_epoch", 0),
          finite(j, "epoch_loss_sum"),
          j.contains("held_out") ? finite(j, "held_out") : 0.1,
          j.contains("skipped") ? whole(j, "skipped", 0) : 0};
}

}  // namespace

Checkpoint checkpoint_of(const Network& network, const TrainingState& training) {
  const Model& model = network.model();
  Checkpoint checkpoint{model.name, model.input, model.classes, training, {}, model.loss};
  for (const auto& [name, entry] : network.params().entries())
    if (is_saved(name)) checkpoint.file.tensors[name] = {entry.spec, network.params().read(name)};
  checkpoint.file.metadata = {{"format", format_name},
                              {"model", model.name},
                              {"loss", to_string(model.loss)},
                              {"input", input_json(model.input).dump()},
                              {"classes", json(model.classes).dump()},
                              {"training", training_json(training).dump()}};
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

void check_checkpoint_path(const std::string& path) { check_writable(path); }

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
    if (metadata.contains("loss")) checkpoint.loss = loss_of(metadata.at("loss"));
    checkpoint.input = input_of(json::parse(metadata.at("input")));
    checkpoint.classes = json::parse(metadata.at("classes")).get<std::vector<std::string>>();
    checkpoint.training = training_of(json::parse(metadata.at("training")));
  } catch (const std::exception& error) {  // json's, and std::out_of_range
    throw Error(path, std::string("has damaged metadata: ") + error.what());
  }
  for (const auto& [name, tensor] : checkpoint.file.tensors) {
    const std::string problem = not_finite(name, tensor.spec, tensor.bytes);
    if (!problem.empty()) throw Error(path, problem);
  }
  return checkpoint;
}

namespace {

/// Does a tensor belong to the training of a network that has not been trained here yet: the step
/// number, or an optimiser's state "<parameter>.<name>"?
bool is_training_state(const std::string& name, const Params& params) {
  return name == step_name || params.has(name.substr(0, name.rfind('.')));
}

}  // namespace

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
    if (!network.params().has(name) && !is_training_state(name, network.params()))
      problems.push_back(fmt::format("'{}' is unexpected", name));
  if (!problems.empty())
    throw Error("checkpoint", fmt::format("does not fit model '{}': {}", network.model().name,
                                          fmt::join(problems, "; ")));
  for (const auto& [name, tensor] : tensors)
    if (network.params().has(name))
      network.params().write(name, tensor.bytes);
    else
      network.params().add_state(name, tensor.spec, tensor.bytes);
}

}  // namespace tessera

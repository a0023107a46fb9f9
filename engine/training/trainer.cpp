#include "tessera/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "engine/ops/dropout.h"
#include "engine/training/part_sums.h"
#include "engine/training/replica_group.h"
#include "engine/training/training_graph.h"
#include "tessera/error.h"

namespace tessera {
namespace {

/// Averages start with the values of their weights.
void add_params(Params& params, const Graph& graph) {
  constexpr std::string_view suffix = ".ema";
  std::vector<std::string> averages;
  for (const Value& value : graph.values())
    if (value.role == Role::state && value.name.ends_with(suffix) && !params.has(value.name))
      averages.push_back(value.name);
  params.add(graph, 0);
  for (const std::string& name : averages)
    params.write(name, params.read(name.substr(0, name.size() - suffix.size())));
}

std::vector<Device*> others_of(const Network& network, const DeviceGroup& group) {
  if (&network.device() != &group.leader())
    throw Error("train", fmt::format("the network is on {}, expected {}, the first of the group",
                                     network.device().info().id, group.leader().info().id));
  std::vector<Device*> others;
  for (const auto& device : group.devices())
    if (device.get() != &group.leader()) others.push_back(device.get());
  return others;
}

}  // namespace

double LossSum::mean(const std::string& metric) const {
  const auto found = metrics.find(metric);
  if (found == metrics.end()) throw Error("train", "there is no metric '" + metric + "'");
  return mean_of(found->second);
}

Trainer::Trainer(Network& network, const TrainerOptions& options)
    : Trainer(network, options, std::vector<Device*>(), {}) {}

Trainer::Trainer(Network& network, const TrainerOptions& options, const DeviceGroup& devices,
                 GroupOptions group)
    : Trainer(network, options, others_of(network, devices), std::move(group)) {}

Trainer::Trainer(Network& network, const TrainerOptions& options,
                 const std::vector<Device*>& others, GroupOptions group)
    : network_(network),
      options_(with_defaults(options)),
      task_(network.training_task(options_.augment, options_.loss)) {
  const Graph graph = training_graph(task_, 1, options_, StepPart::whole);
  metrics_ = recorded_metrics(graph);
  add_params(network_.params(), graph);
  // Forgets the errors of an earlier trainer.
  const std::vector<float> nothing(history_size);
  network_.params().write(history_name, std::as_bytes(std::span(nothing)));
  const std::int32_t none = 0;
  for (const std::string& metric : metrics_)
    network_.params().write(counter_of(metric), std::as_bytes(std::span(&none, 1)));
  group_ = std::make_unique<ReplicaGroup>(network_, task_, options_, others, std::move(group));
}

Trainer::~Trainer() = default;

std::int64_t Trainer::steps() const {
  if (started_ > 0) return first_step_ + started_;
  std::int32_t step;
  std::memcpy(&step, network_.params().read(step_name).data(), sizeof step);
  return step;
}

float Trainer::lr_of(std::int64_t step) const {
  return static_cast<float>(learning_rate(options_.schedule, *options_.lr, step));
}

void Trainer::check(const Batch& batch) const {
  std::vector<SampleSpec> found;
  for (const Batch::Tensor& tensor : batch.tensors) found.push_back(tensor.sample);
  check_inputs(task_, found);
  if (batch.size < 1) throw Error("train", "a batch has no samples, expected at least 1");
  for (const auto& [sample, bytes] : batch.tensors)
    if (bytes.size() != sample.spec.bytes() * static_cast<std::size_t>(batch.size))
      throw Error("train",
                  fmt::format("'{}' of a batch of {} samples has {} bytes, expected {} per sample",
                              sample.name, batch.size, bytes.size(), sample.spec.bytes()));
}

void Trainer::step(const Batch& batch) {
  check(batch);
  if (started_ == 0) first_step_ = steps();
  const TrainingStep step{batch, steps()};
  const float lr = lr_of(step.step);
  group_->step(step, lr);
  unread_.push_back(batch.size);
  ++started_;
  if (started_ - read_ == history_size) read_history();
}

void Trainer::inspect(const Batch& batch, std::int64_t step, const Visit& visit) {
  check(batch);
  const std::vector<Part> parts = parts_of(batch.size, options_.parts);
  bool continues = true;
  for (std::size_t k = 0; k < parts.size() && continues; ++k) {
    InputBytes inputs;
    const auto set = [&](std::string_view name, std::span<const std::byte> bytes) {
      inputs[std::string(name)].assign(bytes.begin(), bytes.end());
    };
    set_inputs(task_, options_, {batch, step}, parts[k], static_cast<std::int64_t>(k), set);
    const float lr = lr_of(step), all = 1;  // each part by itself
    set("lr", std::as_bytes(std::span(&lr, 1)));
    set(share_name, std::as_bytes(std::span(&all, 1)));
    set_folds(0, 1, slot_count(options_.parts), set);
    const StepPart part = k + 1 == parts.size() ? StepPart::whole : StepPart::gradients;
    const Graph graph = training_graph(task_, parts[k].samples, options_, part);
    const auto watch = [&](const NodeRun& run) { return continues = visit(run); };
    tessera::inspect(network_.device(), graph, network_.params(), inputs, watch);
  }
}

std::string Trainer::find_not_finite(const Batch& batch, std::int64_t step) {
  for (const auto& [name, entry] : network_.params().entries())
    if (!name.starts_with("trainer.") &&
        first_not_finite(entry.spec, network_.params().read(name)) >= 0)
      return fmt::format("'{}' was not finite before it", name);
  std::string found;
  inspect(batch, step, [&](const NodeRun& run) { return (found = not_finite(run)).empty(); });
  return found.empty() ? "all nodes return finite values when the step is repeated" : found;
}

void Trainer::read_history() {
  if (started_ == read_) return;
  const std::vector<float> history = network_.params().read_floats(history_name);
  std::map<std::string, std::vector<float>> metrics;
  for (const std::string& name : metrics_)
    metrics[name] = network_.params().read_floats(history_of(name));
  for (; read_ < started_; ++read_, unread_.pop_front()) {
    const std::int64_t step = first_step_ + read_;
    const auto at = static_cast<std::size_t>(step % history_size);
    if (std::isfinite(history[at])) {
      const auto samples = static_cast<double>(unread_.front());
      pending_.sum += static_cast<double>(history[at]) * samples;
      for (const auto& [name, values] : metrics)  // histories count the steps of this trainer
        pending_.metrics[name] +=
            samples * static_cast<double>(values[static_cast<std::size_t>(read_ % history_size)]);
      pending_.samples += unread_.front();
      ++pending_.steps;
    } else if (options_.on_nan == OnNan::skip) {
      ++pending_.skipped;
    } else {
      throw NotFinite(step,
                      fmt::format("the loss or a gradient of step {} is not finite", step + 1));
    }
  }
}

LossSum Trainer::take_losses() {
  read_history();
  return std::exchange(pending_, {});
}

void Trainer::set_lr(double lr) { options_.lr = lr; }

std::vector<std::pair<std::int64_t, StepPart>> Trainer::plans(std::int64_t batch) const {
  if (options_.parts == 1) return {{batch, StepPart::whole}};
  const std::vector<Part> parts = parts_of(batch, options_.parts);
  const std::int64_t larger = parts.front().samples, smaller = parts.back().samples;
  std::vector<std::pair<std::int64_t, StepPart>> plans = {{larger, StepPart::gradients}};
  if (smaller < larger) plans.emplace_back(smaller, StepPart::gradients);
  plans.emplace_back(1, StepPart::update);
  return plans;
}

std::vector<Graph> Trainer::graphs(std::int64_t batch) const {
  std::vector<Graph> graphs;
  for (const auto& [samples, part] : plans(batch))
    graphs.push_back(training_graph(task_, samples, options_, part));
  return graphs;
}

std::vector<std::string> Trainer::describe(std::int64_t batch) const {
  Replica& leader = group_->leader();
  std::vector<std::string> lines;
  for (const auto& [samples, part] : plans(batch)) {
    if (!leader.has(samples, part))
      throw Error("train", fmt::format("there is no plan for batch size {}", batch));
    for (std::string& line : leader.executable(samples, part).describe())
      lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<Executable*> Trainer::executables() { return group_->leader().executables(); }

std::vector<DeviceExecutables> Trainer::executables_by_device() { return group_->executables(); }

std::vector<DeviceSamples> Trainer::take_samples() { return group_->take_samples(); }

}  // namespace tessera

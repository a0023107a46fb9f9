#include "tessera/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "engine/ops/dropout.h"
#include "engine/training/training_graph.h"
#include "tessera/error.h"

namespace tessera {
namespace {

/// Averages begin as the weights that they average.
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

}  // namespace

double LossSum::mean(const std::string& metric) const {
  const auto found = metrics.find(metric);
  if (found == metrics.end()) throw Error("train", "there is no metric '" + metric + "'");
  return mean_of(found->second);
}

Trainer::Trainer(Network& network, const TrainerOptions& options)
    : network_(network),
      options_(with_defaults(options)),
      task_(network.training_task(options_.augment, options_.loss)) {
  const Graph graph = training_graph(task_, 1, options_, StepPart::whole);
  metrics_ = recorded_metrics(graph);
  add_params(network_.params(), graph);
  // What an earlier trainer met is forgotten.
  const std::vector<float> nothing(history_size);
  network_.params().write(history_name, std::as_bytes(std::span(nothing)));
  const std::int32_t none = 0;
  for (const std::string& metric : metrics_)
    network_.params().write(counter_of(metric), std::as_bytes(std::span(&none, 1)));
}

Trainer::Plan& Trainer::plan_for(std::int64_t samples, StepPart part) {
  Plan& plan = plans_[{samples, part}];
  if (!plan.executable)
    plan.executable =
        network_.device().compile(tessera::Plan(training_graph(task_, samples, options_, part),
                                                network_.device().plan_options()),
                                  network_.params());
  return plan;
}

std::int64_t Trainer::steps() const {
  if (started_ > 0) return first_step_ + started_;
  std::int32_t step;
  std::memcpy(&step, network_.params().read(step_name).data(), sizeof step);
  return step;
}

std::int64_t Trainer::part_of(std::int64_t samples) const {
  return (samples + options_.accumulate - 1) / options_.accumulate;
}

void Trainer::set_inputs(const Batch& batch, std::int64_t begin, std::int64_t samples,
                         std::int64_t step, const SetInput& set) const {
  const auto set_number = [&](const char* name, auto number) {
    set(name, std::as_bytes(std::span(&number, 1)));
  };
  const auto first = static_cast<std::size_t>(begin), count = static_cast<std::size_t>(samples);
  for (const SampleSpec& input : task_.inputs) {
    const std::size_t bytes = input.spec.bytes();
    set(input.name, std::span(batch.find(input.name)->bytes).subspan(first * bytes, count * bytes));
  }
  if (options_.accumulate > 1) {
    set_number("share", static_cast<float>(samples) / static_cast<float>(begin + samples));
    set_number(draw_name,
               static_cast<std::int32_t>(step * options_.accumulate + begin / part_of(batch.size)));
  }
  if (!task_.draw) return;
  for (const auto& [name, numbers] : task_.draw({options_.seed, step, begin, samples}))
    set(name, std::as_bytes(std::span(numbers)));
}

Trainer::Plan& Trainer::run_part(const Batch& batch, std::int64_t begin, std::int64_t samples,
                                 StepPart part) {
  Plan& plan = plan_for(samples, part);
  set_inputs(batch, begin, samples, steps(),
             [&](std::string_view name, Bytes bytes) { plan.executable->set_input(name, bytes); });
  if (part == StepPart::gradients) plan.executable->run();
  return plan;
}

void Trainer::update(Plan& plan) {
  const auto lr = static_cast<float>(learning_rate(options_.schedule, *options_.lr, steps()));
  if (plan.lr != lr) plan.executable->set_input("lr", std::as_bytes(std::span(&lr, 1)));
  plan.lr = lr;
  plan.executable->run();
}

void Trainer::check(const Batch& batch) const {
  std::vector<SampleSpec> found;
  for (const Batch::Tensor& tensor : batch.tensors) found.push_back(tensor.sample);
  check_inputs(task_, found);
  if (batch.size < 1) throw Error("train", "a batch has no samples, expected at least 1");
  for (const auto& [sample, bytes] : batch.tensors)
    if (bytes.size() != sample.spec.bytes() * static_cast<std::size_t>(batch.size))
      throw Error("train", fmt::format("'{}' of a batch of {} samples has {} bytes, expected {} "
                                       "for each sample",
                                       sample.name, batch.size, bytes.size(), sample.spec.bytes()));
}

void Trainer::step(const Batch& batch) {
  check(batch);
  if (started_ == 0) first_step_ = steps();
  const std::int64_t part = part_of(batch.size);
  if (options_.accumulate == 1) {
    update(run_part(batch, 0, batch.size, StepPart::whole));
  } else {
    for (std::int64_t begin = 0; begin < batch.size; begin += part)
      run_part(batch, begin, std::min(part, batch.size - begin), StepPart::gradients);
    update(plan_for(1, StepPart::update));
  }
  unread_.push_back(batch.size);
  ++started_;
  if (started_ - read_ == history_size) read_history();
}

void Trainer::inspect(const Batch& batch, std::int64_t step, const Visit& visit) {
  check(batch);
  const std::int64_t part = part_of(batch.size);
  bool goes_on = true;
  for (std::int64_t begin = 0; begin < batch.size && goes_on; begin += part) {
    const std::int64_t samples = std::min(part, batch.size - begin);
    InputBytes inputs;
    const auto set = [&](std::string_view name, Bytes bytes) {
      inputs[std::string(name)].assign(bytes.begin(), bytes.end());
    };
    set_inputs(batch, begin, samples, step, set);
    const auto lr = static_cast<float>(learning_rate(options_.schedule, *options_.lr, step));
    set("lr", std::as_bytes(std::span(&lr, 1)));
    const float all = 1;  // each part by itself
    set("share", std::as_bytes(std::span(&all, 1)));
    const bool is_last = begin + samples == batch.size;
    const Graph graph =
        training_graph(task_, samples, options_, is_last ? StepPart::whole : StepPart::gradients);
    const auto watch = [&](const NodeRun& run) { return goes_on = visit(run); };
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
  return found.empty() ? "run once more, all its nodes give finite numbers" : found;
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
      for (const auto& [name, values] : metrics)  // which count the steps of this trainer
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

std::vector<std::pair<std::int64_t, StepPart>> Trainer::parts(std::int64_t batch) const {
  if (options_.accumulate == 1) return {{batch, StepPart::whole}};
  const std::int64_t part = part_of(batch), last = batch - (batch - 1) / part * part;
  std::vector<std::pair<std::int64_t, StepPart>> parts = {{part, StepPart::gradients}};
  if (last < part) parts.emplace_back(last, StepPart::gradients);
  parts.emplace_back(1, StepPart::update);
  return parts;
}

std::vector<Graph> Trainer::graphs(std::int64_t batch) const {
  std::vector<Graph> graphs;
  for (const auto& [samples, part] : parts(batch))
    graphs.push_back(training_graph(task_, samples, options_, part));
  return graphs;
}

std::vector<std::string> Trainer::describe(std::int64_t batch) const {
  std::vector<std::string> lines;
  for (const auto& key : parts(batch)) {
    const auto found = plans_.find(key);
    if (found == plans_.end())
      throw Error("train", fmt::format("there is no plan for batch size {}", batch));
    for (std::string& line : found->second.executable->describe()) lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<Executable*> Trainer::executables() {
  std::vector<Executable*> all;
  for (auto& [key, plan] : plans_)
    if (plan.executable) all.push_back(plan.executable.get());
  return all;
}

}  // namespace tessera

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

Trainer::Trainer(Network& network, const TrainerOptions& options)
    : network_(network), options_(with_defaults(options)) {
  add_params(network_.params(), training_graph(network_.model(), 1, options_, true));
  // What an earlier trainer met is forgotten.
  const std::vector<float> nothing(history_size);
  network_.params().write(history_name, std::as_bytes(std::span(nothing)));
}

Trainer::Plan& Trainer::plan_for(std::int64_t images, bool updates) {
  Plan& plan = plans_[{images, updates}];
  if (!plan.executable)
    plan.executable = network_.device().compile(
        tessera::Plan(training_graph(network_.model(), images, options_, updates),
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

std::int64_t Trainer::part_of(std::int64_t images) const {
  return (images + options_.accumulate - 1) / options_.accumulate;
}

void Trainer::set_inputs(const Batch& batch, std::int64_t begin, std::int64_t images,
                         std::int64_t step, const SetInput& set) const {
  const auto set_number = [&](const char* name, auto number) {
    set(name, std::as_bytes(std::span(&number, 1)));
  };
  const auto first = static_cast<std::size_t>(begin), count = static_cast<std::size_t>(images);
  const std::size_t bytes = batch.images.size() / static_cast<std::size_t>(batch.size);
  set("image", std::as_bytes(std::span(batch.images).subspan(first * bytes, count * bytes)));
  set("label", std::as_bytes(std::span(batch.labels).subspan(first, count)));
  if (options_.accumulate > 1) {
    set_number("share", static_cast<float>(images) / static_cast<float>(begin + images));
    set_number(draw_name,
               static_cast<std::int32_t>(step * options_.accumulate + begin / part_of(batch.size)));
  }
  const ImageInput& input = network_.model().input;
  for (const auto& [name, numbers] : draw_augmentation(
           options_.augment,
           {input.height, input.width, options_.seed, step, begin, images, input.options.padding}))
    set(name, std::as_bytes(std::span(numbers)));
}

void Trainer::run_part(const Batch& batch, std::int64_t begin, std::int64_t images) {
  const bool last = begin + images == batch.size;
  Plan& plan = plan_for(images, last);
  Executable& executable = *plan.executable;
  set_inputs(batch, begin, images, steps(),
             [&](std::string_view name, Bytes bytes) { executable.set_input(name, bytes); });
  if (last) {
    const auto lr = static_cast<float>(learning_rate(options_.schedule, *options_.lr, steps()));
    if (plan.lr != lr) executable.set_input("lr", std::as_bytes(std::span(&lr, 1)));
    plan.lr = lr;
  }
  executable.run();
}

void Trainer::check(const Batch& batch) const {
  const ImageInput& input = network_.model().input;
  const auto image = static_cast<std::size_t>(input.height * input.width * input.channels);
  const auto size = static_cast<std::size_t>(batch.size);
  if (batch.size < 1 || batch.images.size() != size * image || batch.labels.size() != size)
    throw Error("train", fmt::format("a batch of {} images has {} bytes and {} labels, expected "
                                     "{} bytes an image and as many labels",
                                     batch.size, batch.images.size(), batch.labels.size(), image));
}

void Trainer::step(const Batch& batch) {
  check(batch);
  if (started_ == 0) first_step_ = steps();
  const std::int64_t part = part_of(batch.size);
  for (std::int64_t begin = 0; begin < batch.size; begin += part)
    run_part(batch, begin, std::min(part, batch.size - begin));
  unread_.push_back(batch.size);
  ++started_;
  if (started_ - read_ == history_size) read_history();
}

void Trainer::inspect(const Batch& batch, std::int64_t step, const Visit& visit) {
  check(batch);
  const std::int64_t part = part_of(batch.size);
  bool goes_on = true;
  for (std::int64_t begin = 0; begin < batch.size && goes_on; begin += part) {
    const std::int64_t images = std::min(part, batch.size - begin);
    InputBytes inputs;
    const auto set = [&](std::string_view name, Bytes bytes) {
      inputs[std::string(name)].assign(bytes.begin(), bytes.end());
    };
    set_inputs(batch, begin, images, step, set);
    const auto lr = static_cast<float>(learning_rate(options_.schedule, *options_.lr, step));
    set("lr", std::as_bytes(std::span(&lr, 1)));
    const float all = 1;  // each part by itself
    set("share", std::as_bytes(std::span(&all, 1)));
    const Graph graph =
        training_graph(network_.model(), images, options_, begin + images == batch.size);
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
  for (; read_ < started_; ++read_, unread_.pop_front()) {
    const std::int64_t step = first_step_ + read_;
    const float loss = history[static_cast<std::size_t>(step % history_size)];
    if (std::isfinite(loss)) {
      pending_ += {.sum = static_cast<double>(loss) * static_cast<double>(unread_.front()),
                   .images = unread_.front(),
                   .steps = 1};
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

std::vector<Graph> Trainer::graphs(std::int64_t batch) const {
  const std::int64_t part = part_of(batch), last = batch - (batch - 1) / part * part;
  std::vector<Graph> graphs = {training_graph(network_.model(), last, options_, true)};
  if (batch > last) graphs.push_back(training_graph(network_.model(), part, options_, false));
  return graphs;
}

std::vector<std::string> Trainer::describe(std::int64_t batch) const {
  const std::int64_t part = part_of(batch);
  const std::int64_t last = batch - (batch - 1) / part * part;
  const auto found = plans_.find({last, true});
  if (found == plans_.end())
    throw Error("train", fmt::format("there is no plan for batch size {}", batch));
  return found->second.executable->describe();
}

std::vector<Executable*> Trainer::executables() {
  std::vector<Executable*> all;
  for (auto& [key, plan] : plans_)
    if (plan.executable) all.push_back(plan.executable.get());
  return all;
}

}  // namespace tessera

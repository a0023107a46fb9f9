#include "tessera/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "engine/ops/dropout.h"
#include "engine/training_graph.h"
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

template <typename Number>
void set_number(Executable& executable, const char* input, Number value) {
  executable.set_input(input, std::as_bytes(std::span(&value, 1)));
}

}  // namespace

Trainer::Trainer(Network& network, const TrainerOptions& options)
    : network_(network), options_(with_defaults(options)) {
  add_params(network_.params(), training_graph(network_.model(), 1, options_, true));
}

Trainer::Plan& Trainer::plan_for(std::int64_t images, bool updates) {
  Plan& plan = plans_[{images, updates}];
  if (!plan.executable)
    plan.executable = network_.device().compile(
        tessera::Plan(training_graph(network_.model(), images, options_, updates),
                      {.alignment = network_.device().buffer_alignment()}),
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

void Trainer::run_part(const Batch& batch, std::int64_t begin, std::int64_t images) {
  const bool last = begin + images == batch.size;
  Plan& plan = plan_for(images, last);
  Executable& executable = *plan.executable;
  const auto first = static_cast<std::size_t>(begin), count = static_cast<std::size_t>(images);
  const std::size_t bytes = batch.images.size() / static_cast<std::size_t>(batch.size);
  executable.set_input(
      "image", std::as_bytes(std::span(batch.images).subspan(first * bytes, count * bytes)));
  executable.set_input("label", std::as_bytes(std::span(batch.labels).subspan(first, count)));
  if (options_.accumulate > 1) {
    set_number(executable, "share",
               static_cast<float>(images) / static_cast<float>(begin + images));
    set_number(
        executable, draw_name,
        static_cast<std::int32_t>(steps() * options_.accumulate + begin / part_of(batch.size)));
  }
  const ImageInput& input = network_.model().input;
  for (const auto& [name, numbers] :
       draw_augmentation(options_.augment, {input.height, input.width, options_.seed, steps(),
                                            begin, images, input.options.padding}))
    executable.set_input(name, std::as_bytes(std::span(numbers)));
  if (last) {
    const auto lr = static_cast<float>(learning_rate(options_.schedule, *options_.lr, steps()));
    if (plan.lr != lr) set_number(executable, "lr", lr);
    plan.lr = lr;
  }
  executable.run();
}

void Trainer::step(const Batch& batch) {
  const ImageInput& input = network_.model().input;
  const auto image = static_cast<std::size_t>(input.height * input.width * input.channels);
  const auto size = static_cast<std::size_t>(batch.size);
  if (batch.size < 1 || batch.images.size() != size * image || batch.labels.size() != size)
    throw Error("train", fmt::format("a batch of {} images has {} bytes and {} labels, expected "
                                     "{} bytes an image and as many labels",
                                     batch.size, batch.images.size(), batch.labels.size(), image));
  if (started_ == 0) first_step_ = steps();
  const std::int64_t part = part_of(batch.size);
  for (std::int64_t begin = 0; begin < batch.size; begin += part)
    run_part(batch, begin, std::min(part, batch.size - begin));
  ++started_;
  if (started_ - read_ == history_size) read_history();
}

void Trainer::read_history() {
  if (started_ == read_) return;
  const std::vector<float> history = network_.params().read_floats(history_name);
  for (; read_ < started_; ++read_) {
    const std::int64_t step = first_step_ + read_;
    const float loss = history[static_cast<std::size_t>(step % history_size)];
    if (!std::isfinite(loss))
      throw Error("train",
                  fmt::format("loss is {} at step {}, expected a finite number", loss, step + 1));
    pending_.sum += static_cast<double>(loss);
    ++pending_.steps;
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

#include "tessera/trainer.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <utility>

#include "tessera/autograd.h"
#include "tessera/error.h"

namespace tessera {
namespace {

// Losses stay on the device until somebody asks or this many have gathered.
constexpr std::int64_t history_size = 1024;
constexpr const char* history_name = "trainer.history";
constexpr const char* step_name = "step";

/// The parameters of a graph, in the order in which they were made.
std::vector<Var> parameters(Graph& graph) {
  std::vector<Var> found;
  for (std::size_t i = 0; i < graph.values().size(); ++i)
    if (graph.values()[i].role == Role::parameter)
      found.emplace_back(graph, static_cast<ValueId>(i));
  return found;
}

Graph training_graph(const Model& model, std::int64_t batch, double momentum) {
  Graph graph(Mode::training);
  const Var loss = append_classifier(graph, model, batch).loss;
  const Var lr = graph.input("lr", {DType::f32, {1}});
  const std::vector<Var> weights = parameters(graph);
  const std::vector<Var> dw = gradients(loss, weights);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const std::string name = graph.value(weights[i].id()).name;
    const Var v = graph.state(name + ".momentum", weights[i].spec());
    sgd_step(weights[i], dw[i], v, lr, momentum, name + ".sgd_step");
  }
  record(loss, graph.state(history_name, {DType::f32, {history_size}}), step_counter(graph),
         "loss.record");
  remove_dead_nodes(graph);
  return graph;
}

}  // namespace

Trainer::Trainer(Network& network, const TrainerOptions& options)
    : network_(network), options_(options) {
  network_.params().add(training_graph(network_.model(), 1, options_.momentum), 0);
}

Trainer::Plan& Trainer::plan_for(std::int64_t batch) {
  Plan& plan = plans_[batch];
  if (!plan.executable)
    plan.executable = network_.device().compile(
        tessera::Plan(training_graph(network_.model(), batch, options_.momentum),
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

void Trainer::step(const Batch& batch) {
  const ImageInput& input = network_.model().input;
  const auto image = static_cast<std::size_t>(input.height * input.width * input.channels);
  const auto size = static_cast<std::size_t>(batch.size);
  if (batch.size < 1 || batch.images.size() != size * image || batch.labels.size() != size)
    throw Error("train", fmt::format("a batch of {} images has {} bytes and {} labels, expected "
                                     "{} bytes an image and as many labels",
                                     batch.size, batch.images.size(), batch.labels.size(), image));
  if (started_ == 0) first_step_ = steps();
  Plan& plan = plan_for(batch.size);
  Executable& executable = *plan.executable;
  executable.set_input("image", std::as_bytes(std::span(batch.images)));
  executable.set_input("label", std::as_bytes(std::span(batch.labels)));
  if (plan.lr != options_.lr) {
    const auto lr = static_cast<float>(options_.lr);
    executable.set_input("lr", std::as_bytes(std::span(&lr, 1)));
    plan.lr = options_.lr;
  }
  executable.run();
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

std::vector<std::string> Trainer::describe(std::int64_t batch) const {
  const auto found = plans_.find(batch);
  if (found == plans_.end())
    throw Error("train", fmt::format("there is no plan for batch size {}", batch));
  return found->second.executable->describe();
}

}  // namespace tessera

#include "engine/training/training_graph.h"

#include <algorithm>
#include <utility>

#include "engine/base/patterns.h"
#include "engine/ops/dropout.h"
#include "engine/passes/passes.h"
#include "engine/training/part_sums.h"
#include "tessera/autograd.h"
#include "tessera/fuse.h"

namespace tessera {
namespace {

std::string name_of(Var w) { return w.graph().value(w.id()).name; }

/// Returns the parameters of a graph, in order of creation.
struct Parameters {
  std::vector<Var> trained, frozen;
};

Parameters parameters(Graph& graph, const TrainerOptions& options) {
  std::vector<Var> all;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < graph.values().size(); ++i)
    if (graph.values()[i].role == Role::parameter) {
      all.emplace_back(graph, static_cast<ValueId>(i));
      names.push_back(graph.values()[i].name);
    }
  const std::vector<bool> frozen = matches(names, options.freeze, "freeze"),
                          wanted = matches(names, options.train_only, "train_only");
  Parameters found;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool trains = !frozen[i] && (options.train_only.empty() || wanted[i]);
    (trains ? found.trained : found.frozen).push_back(all[i]);
  }
  return found;
}

/// Makes batch norms with frozen weight and bias use their running statistics without updates.
void freeze_norms(Graph& graph, const std::vector<Var>& frozen) {
  const auto is_frozen = [&](ValueId value) {
    return std::any_of(frozen.begin(), frozen.end(), [&](Var w) { return w.id() == value; });
  };
  std::vector<Node> nodes = graph.nodes();
  for (Node& node : nodes) {
    const bool has_weights = node.op->name == "batch_norm" && node.inputs.size() >= 5;
    if (!has_weights || !is_frozen(node.inputs[3]) || !is_frozen(node.inputs[4])) continue;
    std::vector<Var> inputs;
    for (const ValueId input : node.inputs) inputs.emplace_back(graph, input);
    graph.add("batch_norm_inference", inputs, {{"eps", node.attributes.number("eps")}}, node.name);
    const ValueId y = node.outputs[0];
    node = graph.nodes().back();
    node.outputs[0] = y;
  }
  graph.set_nodes(std::move(nodes));
}

/// The trained parameters on which a loss depends, their gradients, and the other parameters.
struct Gradients {
  std::vector<Var> weights, dw, unreached;
};

Gradients gradients_of(Var loss, const std::vector<Var>& trained, std::optional<Var> weight = {}) {
  const std::vector<std::optional<Var>> dw = gradients_if_any(loss, trained, weight);
  Gradients found;
  for (std::size_t i = 0; i < trained.size(); ++i) {
    (dw[i] ? found.weights : found.unreached).push_back(trained[i]);
    if (dw[i]) found.dw.push_back(*dw[i]);
  }
  return found;
}

std::vector<std::string> names_of(const std::vector<Var>& weights) {
  std::vector<std::string> names;
  for (const Var w : weights) names.push_back(name_of(w));
  return names;
}

void clip(std::vector<Var>& dw, const std::vector<Var>& weights, const TrainerOptions& options) {
  if (options.clip_value > 0)
    for (std::size_t i = 0; i < dw.size(); ++i)
      dw[i] = clamp(dw[i], -options.clip_value, options.clip_value, name_of(weights[i]) + ".clip");
  if (options.clip_norm > 0) {
    const Var factor =
        clip_factor(global_norm(dw, "gradients.norm"), options.clip_norm, "gradients.clip_factor");
    for (std::size_t i = 0; i < dw.size(); ++i)
      dw[i] = mul(dw[i], factor, name_of(weights[i]) + ".clip");
  }
}

/// Returns a number that is 0, or NaN if the loss or a gradient is not finite or, unless such steps
/// are skipped, an earlier loss was not.
Var trouble(Var loss, const std::vector<Var>& dw, Var history, const TrainerOptions& options) {
  Var sum = dw.empty() ? loss : add(loss, global_norm(dw, "gradients.size"), "trouble");
  if (options.on_nan == OnNan::stop) sum = add(sum, tessera::sum(history), "trouble");
  return mul(sum, loss.graph().constant({1}, 0), "trouble");
}

Var update(Var w, Var dw, Var lr, Var step, const TrainerOptions& options) {
  const std::string name = name_of(w);
  // Biases and the parameters of norms.
  const bool small = w.shape().size() <= 1;
  const double decay = small && !options.decay_all ? 0 : options.weight_decay.value();
  const double momentum = options.momentum.value(), eps = options.eps.value();
  const auto state = [&](const char* suffix) { return w.graph().state(name + suffix, w.spec()); };
  switch (options.optimizer) {
    case Optimizer::adam:
    case Optimizer::adamw:
      return adam_step(
          w, dw, state(".exp_avg"), state(".exp_avg_sq"), lr, step,
          {options.beta1, options.beta2, eps, decay, options.optimizer == Optimizer::adamw},
          name + ".adam_step");
    case Optimizer::rmsprop:
      return rmsprop_step(w, dw, state(".square_avg"), state(".momentum"), lr,
                          {options.alpha, eps, decay, momentum}, name + ".rmsprop_step");
    case Optimizer::adagrad:
      return adagrad_step(w, dw, state(".sum"), lr, {eps, decay}, name + ".adagrad_step");
    case Optimizer::lars:  // the ratio is meaningless for biases and norms
      if (!small)
        return lars_step(w, dw, state(".momentum"), lr, {momentum, decay}, name + ".lars_step");
      break;
    case Optimizer::sgd:
      break;
  }
  return sgd_step(w, dw, state(".momentum"), lr, {momentum, decay, options.nesterov},
                  name + ".sgd_step");
}

}  // namespace

std::string history_of(const std::string& metric) { return "trainer.history." + metric; }
std::string counter_of(const std::string& metric) { return "trainer.counter." + metric; }

std::vector<std::string> recorded_metrics(const Graph& graph) {
  const std::string prefix = counter_of("");
  std::vector<std::string> metrics;
  for (const Value& value : graph.values())
    if (value.role == Role::state && value.name.starts_with(prefix))
      metrics.push_back(value.name.substr(prefix.size()));
  return metrics;
}

namespace {

/// Appends the forward and backward pass, and the sums over the parts of a batch.
Computed append_gradients(Graph& graph, const Task& task, std::int64_t samples,
                          const TrainerOptions& options) {
  const bool in_parts = options.parts > 1;
  std::optional<Var> share;
  if (in_parts) {
    graph.input(draw_name, {DType::i32, {1}});
    share = graph.input(share_name, {DType::f32, {1}});
  }
  TaskGraph result = append_task(graph, task, samples);
  const auto [trained, frozen] = parameters(graph, options);
  freeze_norms(graph, frozen);
  std::vector<BatchStatistic> statistics;
  if (in_parts) statistics = take_statistics(graph);
  fuse(graph);
  auto [weights, dw, unreached] = gradients_of(result.loss, trained, share);
  Computed step{result.loss, std::move(result.metrics), std::move(statistics), std::move(weights),
                std::move(dw)};
  if (in_parts) append_folds(step, *share, slot_count(options.parts));
  return step;
}

/// Reads the sums that append_gradients has stored in states.
Computed append_states(Graph& graph, const Task& task, const TrainerOptions& options) {
  Graph other(Mode::training, options.seed);
  const Computed part = append_gradients(other, task, 1, options);
  return append_sums(graph, part, slot_count(options.parts));
}

void append_update(Graph& graph, Computed computed, const TrainerOptions& options) {
  Var loss = computed.loss;
  const Var lr = graph.input("lr", {DType::f32, {1}});
  const Var step = step_counter(graph);
  const Var history = graph.state(history_name, {DType::f32, {history_size}});
  if (options.on_nan == OnNan::ignore) {
    append_running_statistics(computed.statistics, {});
    append_updates(computed.weights, computed.dw, lr, step, options);
  } else {
    const Var zero = trouble(loss, computed.dw, history, options);
    append_running_statistics(computed.statistics, zero);
    append_updates(computed.weights, computed.dw, add(lr, zero, "lr.or_nan"), step, options, zero);
    loss = add(loss, zero, "loss.or_nan");
  }
  for (const auto& [name, value] : computed.metrics)
    record(value, graph.state(history_of(name), history.spec()),
           graph.state(counter_of(name), step.spec()), name + ".record");
  record(loss, history, step, "loss.record");
}

}  // namespace

Graph training_graph(const Task& task, std::int64_t samples, const TrainerOptions& options,
                     StepPart part) {
  Graph graph(Mode::training, options.seed);
  Computed computed = part == StepPart::update ? append_states(graph, task, options)
                                               : append_gradients(graph, task, samples, options);
  if (part != StepPart::gradients) append_update(graph, std::move(computed), options);
  remove_dead_nodes(graph);
  join_losses(graph);
  join_slices(graph);
  join_chains(graph);
  join_updates(graph);
  return graph;
}

ParameterUse parameter_use(const Task& task, const TrainerOptions& options) {
  Graph graph(Mode::training, options.seed);
  const Var loss = append_task(graph, task, 1).loss;
  const auto [trained, frozen] = parameters(graph, options);
  const Gradients found = gradients_of(loss, trained);
  return {names_of(found.weights), names_of(frozen), names_of(found.unreached)};
}

void append_updates(const std::vector<Var>& weights, std::vector<Var> dw, Var lr, Var step,
                    const TrainerOptions& options, std::optional<Var> zero) {
  Graph& graph = lr.graph();
  Var share_of_new = graph.constant({1}, 1 - options.ema);
  if (zero && options.ema > 0) share_of_new = add(share_of_new, *zero, "ema.or_nan");
  clip(dw, weights, options);
  std::vector<Var> updated;
  for (std::size_t i = 0; i < weights.size(); ++i)
    updated.push_back(update(weights[i], dw[i], lr, step, options));
  // After all updates, so that the updates can be joined.
  for (std::size_t i = 0; i < weights.size() && options.ema > 0; ++i) {
    const std::string average = name_of(weights[i]) + ".ema";
    blend(graph.state(average, updated[i].spec()), updated[i], share_of_new, average);
  }
}

}  // namespace tessera

#include "engine/training_graph.h"

#include "engine/ops/dropout.h"
#include "engine/passes/passes.h"
#include "tessera/autograd.h"
#include "tessera/fuse.h"

namespace tessera {
namespace {

/// The parameters of a graph, in the order in which they were made.
std::vector<Var> parameters(Graph& graph) {
  std::vector<Var> found;
  for (std::size_t i = 0; i < graph.values().size(); ++i)
    if (graph.values()[i].role == Role::parameter)
      found.emplace_back(graph, static_cast<ValueId>(i));
  return found;
}

std::string name_of(Var w) { return w.graph().value(w.id()).name; }

/// Means over the parts of a batch, part by part.
void accumulate(Var& loss, std::vector<Var>& dw, const std::vector<Var>& weights) {
  Graph& graph = loss.graph();
  const Var share = graph.input("share", {DType::f32, {1}});
  loss = blend(graph.state("trainer.loss", loss.spec()), loss, share, "loss.accumulate");
  for (std::size_t i = 0; i < dw.size(); ++i) {
    const std::string name = name_of(weights[i]);
    dw[i] = blend(graph.state("trainer.gradient." + name, dw[i].spec()), dw[i], share,
                  name + ".accumulate");
  }
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

/// A number that is 0, or NaN when the loss or a gradient is not finite, or, unless such steps are
/// skipped, when an earlier loss was not.
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
    case Optimizer::lars:  // of biases and norms the ratio says nothing
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

Graph training_graph(const Model& model, std::int64_t images, const TrainerOptions& options,
                     bool updates) {
  Graph graph(Mode::training, options.seed);
  if (options.accumulate > 1) graph.input(draw_name, {DType::i32, {1}});
  Var loss = append_classifier(graph, model, images, options.augment, options.loss).loss;
  fuse(graph);
  const std::vector<Var> weights = parameters(graph);
  std::vector<Var> dw = gradients(loss, weights);
  if (options.accumulate > 1) accumulate(loss, dw, weights);
  if (updates) {
    const Var lr = graph.input("lr", {DType::f32, {1}});
    const Var step = step_counter(graph);
    const Var history = graph.state(history_name, {DType::f32, {history_size}});
    if (options.on_nan == OnNan::ignore) {
      append_updates(weights, dw, lr, step, options);
    } else {
      const Var zero = trouble(loss, dw, history, options);
      append_updates(weights, dw, add(lr, zero, "lr.or_nan"), step, options, zero);
      loss = add(loss, zero, "loss.or_nan");
    }
    record(loss, history, step, "loss.record");
  }
  remove_dead_nodes(graph);
  join_losses(graph);
  join_slices(graph);
  join_chains(graph);
  join_updates(graph);
  return graph;
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
  // After all updates, so that these can be joined.
  for (std::size_t i = 0; i < weights.size() && options.ema > 0; ++i) {
    const std::string average = name_of(weights[i]) + ".ema";
    blend(graph.state(average, updated[i].spec()), updated[i], share_of_new, average);
  }
}

}  // namespace tessera

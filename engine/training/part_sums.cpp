#include "engine/training/part_sums.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "tessera/op.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

std::string prefix_of(int slot) { return fmt::format("trainer.sum.{}.", slot); }

/// A value and the name of its states.
struct Summand {
  std::string name;
  Var* value;
};

std::vector<Summand> summands(Computed& part) {
  std::vector<Summand> all = {{"loss", &part.loss}};
  for (auto& [name, value] : part.metrics) all.push_back({"metric." + name, &value});
  for (BatchStatistic& statistic : part.statistics)
    all.push_back({"statistic." + statistic.running, &statistic.value});
  for (std::size_t i = 0; i < part.dw.size(); ++i) {
    const Var w = part.weights[i];
    all.push_back({"gradient." + w.graph().value(w.id()).name, &part.dw[i]});
  }
  return all;
}

}  // namespace

int slot_count(std::int64_t parts) { return std::max(1, tree_height(parts)); }

std::string fold_input(int slot) { return fmt::format("fold.{}", slot); }

float input_of(Fold fold) {
  if (fold == Fold::skip) return std::numeric_limits<float>::quiet_NaN();
  return fold == Fold::add ? 1 : 0;
}

std::vector<std::string> states_of_slot(const Graph& graph, int slot) {
  const std::string prefix = prefix_of(slot);
  std::vector<std::string> names;
  for (const Value& value : graph.values())
    if (value.role == Role::state && value.name.starts_with(prefix)) names.push_back(value.name);
  return names;
}

std::vector<BatchStatistic> take_statistics(Graph& graph) {
  std::vector<BatchStatistic> all;
  std::vector<Node> nodes = graph.nodes();
  for (Node& node : nodes) {
    if (node.op->name != "batch_norm") continue;
    const double momentum = node.attributes.number("momentum");
    for (std::size_t i : {1u, 2u}) {
      const Value running = graph.value(node.inputs[i]);
      all.push_back(
          {running.name, running.initializer, momentum, Var(graph, node.outputs.at(i + 2))});
      graph.rename(node.inputs[i], "trainer.batch." + running.name);
    }
    auto attributes = node.attributes.all();
    attributes["momentum"] = 1.0;  // what the state was does not matter
    node.attributes = Attributes(std::move(attributes));
  }
  graph.set_nodes(std::move(nodes));
  return all;
}

void append_folds(Computed& part, Var share, int slots) {
  Graph& graph = share.graph();
  const std::vector<Summand> all = summands(part);
  for (const auto& [name, value] : all)
    if (!name.starts_with("gradient.")) *value = mul(*value, share, name + ".share");
  // The states of a slot lie side by side, and each op comes for all values before the next, so
  // that join_updates makes one node of them.
  for (int slot = 0; slot < slots; ++slot) {
    const Var fold = graph.input(fold_input(slot), {DType::f32, {1}});
    std::vector<Var> states;
    for (const auto& [name, value] : all)
      states.push_back(graph.state(prefix_of(slot) + name, value->spec()));
    for (std::size_t i = 0; i < all.size(); ++i)
      *all[i].value =
          accumulate(states[i], *all[i].value, fold, fmt::format("{}.fold{}", all[i].name, slot));
  }
}

Computed append_sums(Graph& graph, const Computed& part, int slots) {
  Computed found = part;
  for (Var& w : found.weights) {
    const Value& weight = w.graph().value(w.id());
    w = graph.parameter(weight.name, weight.spec.shape, weight.initializer);
  }
  for (const auto& [name, value] : summands(found))
    *value = graph.state(prefix_of(slots - 1) + name, value->spec());
  return found;
}

void append_running_statistics(const std::vector<BatchStatistic>& statistics,
                               std::optional<Var> zero) {
  std::map<double, Var> weights;
  for (const auto& [name, initializer, momentum, value] : statistics) {
    Graph& graph = value.graph();
    auto weight = weights.find(momentum);
    if (weight == weights.end()) {
      const Var constant = graph.constant({1}, momentum);
      weight = weights.emplace(momentum, zero ? add(constant, *zero, "momentum.or_nan") : constant)
                   .first;
    }
    blend(graph.state(name, value.spec(), initializer), value, weight->second, name);
  }
}

}  // namespace tessera

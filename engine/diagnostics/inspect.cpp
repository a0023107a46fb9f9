#include "tessera/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <span>

#include "tessera/op.h"

namespace tessera {
namespace {

using Values = std::map<ValueId, std::vector<std::byte>>;

std::string output_name(ValueId value) { return fmt::format("{}", value); }

/// Returns the end of the nodes from `begin` on whose inputs and outputs are kept at the same time.
NodeId end_of_part(const Graph& graph, NodeId begin) {
  constexpr std::size_t most = 64 << 20;  // bytes
  std::size_t bytes = 0;
  NodeId end = begin;
  for (; end < static_cast<NodeId>(graph.nodes().size()); ++end) {
    for (const auto* values : {&graph.node(end).inputs, &graph.node(end).outputs})
      for (ValueId value : *values) bytes += graph.value(value).spec.bytes();
    if (end > begin && bytes > most) break;
  }
  return end;
}

std::vector<std::byte> bytes_of_constant(const Value& value) {
  const std::vector<float> numbers(static_cast<std::size_t>(value.spec.elements()),
                                   static_cast<float>(value.initializer.value));
  const auto bytes = std::as_bytes(std::span(numbers));
  return {bytes.begin(), bytes.end()};
}

/// Returns a graph of the nodes up to `end`, with the activations of the nodes from `begin` on as
/// outputs.
Graph part_of(const Graph& graph, NodeId begin, NodeId end) {
  Graph part = graph;
  part.set_nodes({graph.nodes().begin(), graph.nodes().begin() + end});
  std::set<ValueId> kept;
  for (NodeId id = begin; id < end; ++id)
    for (const auto* values : {&graph.node(id).inputs, &graph.node(id).outputs})
      for (ValueId value : *values)
        if (graph.value(value).role == Role::activation) kept.insert(value);
  for (ValueId value : kept) part.set_output(output_name(value), Var(part, value));
  return part;
}

/// Copies the parameters and states of a graph.
Params copy_of(const Params& params, const Graph& graph) {
  Params copy(params.device());
  copy.add(graph, 0);
  for (const auto& [name, entry] : copy.entries())
    if (params.has(name) && !name.starts_with("trainer.")) copy.write(name, params.read(name));
  return copy;
}

/// Runs a part of the graph and reads its outputs.
Values run(Executable& executable, Params& params, const InputBytes& inputs) {
  const Graph& graph = executable.graph();
  Values values;
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph.values()[i];
    const auto id = static_cast<ValueId>(i);
    if (value.role == Role::input) executable.set_input(value.name, inputs.at(value.name));
    if (value.role == Role::input) values[id] = inputs.at(value.name);
    if (value.role == Role::constant) values[id] = bytes_of_constant(value);
    if (params.has(value.name) && (value.role == Role::parameter || value.role == Role::state))
      values[id] = params.read(value.name);
  }
  executable.run();
  for (const auto& output : graph.outputs()) {
    std::vector<std::byte>& bytes = values[output.value];
    bytes.resize(graph.value(output.value).spec.bytes());
    executable.read_output(output.name, bytes);
  }
  return values;
}

}  // namespace

void inspect(Device& device, const Graph& graph, const Params& params, const InputBytes& inputs,
             const Visit& visit) {
  for (NodeId begin = 0, end = 0; begin < static_cast<NodeId>(graph.nodes().size()); begin = end) {
    end = end_of_part(graph, begin);
    Params copy = copy_of(params, graph);
    const Graph part = part_of(graph, begin, end);
    const auto executable = device.compile(Plan(part, device.plan_options()), copy);
    const Values values = run(*executable, copy, inputs);
    for (NodeId id = begin; id < end; ++id) {
      NodeRun seen{part, id, executable->choices().at(static_cast<std::size_t>(id)), {}, {}};
      for (ValueId value : part.node(id).inputs) seen.inputs.push_back(values.at(value));
      for (ValueId value : part.node(id).outputs) seen.outputs.push_back(values.at(value));
      if (!visit(seen)) return;
    }
  }
}

std::int64_t first_not_finite(const TensorSpec& spec, const std::vector<std::byte>& bytes) {
  if (spec.dtype != DType::f32) return -1;
  for (std::int64_t i = 0; i < spec.elements(); ++i) {
    float number;
    std::memcpy(&number, bytes.data() + static_cast<std::size_t>(i) * sizeof number, sizeof number);
    if (!std::isfinite(number)) return i;
  }
  return -1;
}

std::string not_finite(const NodeRun& run) {
  for (std::size_t i = 0; i < run.outputs.size(); ++i) {
    const TensorSpec& spec = run.graph.value(run.node().outputs[i]).spec;
    const std::int64_t first = first_not_finite(spec, run.outputs[i]);
    if (first < 0) continue;
    std::vector<float> numbers(static_cast<std::size_t>(spec.elements()));
    if (!numbers.empty()) std::memcpy(numbers.data(), run.outputs[i].data(), run.outputs[i].size());
    const auto count = std::count_if(numbers.begin(), numbers.end(),
                                     [](float number) { return !std::isfinite(number); });
    return fmt::format("node '{}' ({}, {}) returns {} in {} of {} elements", run.node().name,
                       run.node().op->name, run.choice.algorithm,
                       std::abs(numbers[static_cast<std::size_t>(first)]), count, numbers.size());
  }
  return {};
}

}  // namespace tessera

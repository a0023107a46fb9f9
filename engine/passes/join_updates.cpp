// Joins the optimizer steps of many tensors into one node: one launch, or one parallel region.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "engine/passes/passes.h"
#include "engine/passes/storage.h"
#include "tessera/op.h"

namespace tessera {
namespace {

constexpr const char* decay = "weight_decay";

using Members = std::vector<NodeId>;
/// The properties that joined steps share: op, the inputs after the lists of tensors, and all
/// attributes but the decay.
using Key =
    std::tuple<const Op*, std::vector<ValueId>, std::map<std::string, Attribute, std::less<>>>;

/// The number of tensor lists among the inputs: the updated tensors and the gradients.
std::size_t lists(const Node& node) { return node.op->updates.size() + 1; }

bool is_single(const Node& node) {
  return node.op->updates_many && node.outputs.size() == node.op->updates.size();
}

Key key_of(const Node& node) {
  auto attributes = node.attributes.all();
  attributes.erase(decay);
  const auto shared = node.inputs.begin() + static_cast<std::ptrdiff_t>(lists(node));
  return {node.op, {shared, node.inputs.end()}, std::move(attributes)};
}

bool contains(const std::vector<ValueId>& values, ValueId value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

/// Whether `node` must stay after `step`, since it reads the results of `step` or overwrites its
/// inputs, also through views.
bool depends(const Storage& storage, const Node& node, const Node& step) {
  for (ValueId input : node.inputs)
    if (contains(step.outputs, input)) return true;
  for (const Alias& alias : updates_of(*node.op, node.outputs.size())) {
    const ValueId updated = storage.root(node.inputs[static_cast<std::size_t>(alias.input)]);
    for (ValueId input : step.inputs)
      if (storage.root(input) == updated) return true;
  }
  return false;
}

std::vector<Members> find_groups(const Graph& graph) {
  const Storage storage(graph);
  std::vector<Members> closed;
  std::map<Key, Members> open;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const Node& node = graph.node(id);
    for (auto group = open.begin(); group != open.end();) {
      const bool closes =
          std::any_of(group->second.begin(), group->second.end(),
                      [&](NodeId member) { return depends(storage, node, graph.node(member)); });
      if (closes) closed.push_back(std::move(group->second));
      group = closes ? open.erase(group) : std::next(group);
    }
    if (is_single(node)) open[key_of(node)].push_back(id);
  }
  for (auto& [key, members] : open) closed.push_back(std::move(members));
  return closed;
}

Node joined(const Graph& graph, const Members& members) {
  const Node& first = graph.node(members[0]);
  Node node{first.op,
            fmt::format("{} and {} more", first.name, members.size() - 1),
            first.attributes,
            {},
            {}};
  const auto append = [&](std::vector<ValueId>& to, std::vector<ValueId> Node::*from,
                          std::size_t count) {
    for (std::size_t list = 0; list < count; ++list)
      for (NodeId member : members) to.push_back((graph.node(member).*from)[list]);
  };
  append(node.inputs, &Node::inputs, lists(first));
  node.inputs.insert(node.inputs.end(),
                     first.inputs.begin() + static_cast<std::ptrdiff_t>(lists(first)),
                     first.inputs.end());
  append(node.outputs, &Node::outputs, first.outputs.size());
  if (first.attributes.has(decay)) {
    std::vector<double> decays;
    for (NodeId member : members) decays.push_back(graph.node(member).attributes.number(decay));
    auto attributes = first.attributes.all();
    attributes["weight_decays"] = std::move(decays);
    node.attributes = Attributes(std::move(attributes));
  }
  return node;
}

}  // namespace

void join_updates(Graph& graph) {
  const std::vector<Members> groups = find_groups(graph);
  std::vector<const Members*> group_of(graph.nodes().size(), nullptr);
  for (const Members& members : groups)
    if (members.size() > 1)
      for (NodeId member : members) group_of[static_cast<std::size_t>(member)] = &members;
  std::vector<Node> nodes;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const Members* members = group_of[static_cast<std::size_t>(id)];
    if (!members)
      nodes.push_back(graph.node(id));
    else if (id == members->back())
      nodes.push_back(joined(graph, *members));
  }
  graph.set_nodes(std::move(nodes));
}

}  // namespace tessera

#include "tessera/graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tessera/error.h"
#include "tessera/op.h"

namespace tessera {

const TensorSpec& Var::spec() const { return graph_->value(id_).spec; }

Var Graph::add_value(Value value) {
  value.spec.bytes();  // throws for negative and overflowing shapes
  values_.push_back(std::move(value));
  return {*this, static_cast<ValueId>(values_.size() - 1)};
}

void Graph::check_free(const std::string& name) const {
  const auto same = [&](const Value& value) {
    return value.role != Role::activation && value.name == name;
  };
  if (name.empty()) throw Error("graph", "an input, parameter or state needs a name");
  if (std::any_of(values_.begin(), values_.end(), same))
    throw Error("graph", "duplicate name '" + name + "'");
}

Var Graph::add_named(std::string name, TensorSpec spec, Role role, Initializer initializer) {
  check_free(name);
  return add_value({std::move(spec), role, std::move(name), no_node, std::move(initializer)});
}

Var Graph::input(std::string name, TensorSpec spec) {
  return add_named(std::move(name), std::move(spec), Role::input, {});
}

Var Graph::parameter(std::string name, Shape shape, Initializer initializer) {
  return add_named(std::move(name), {DType::f32, std::move(shape)}, Role::parameter,
                   std::move(initializer));
}

Var Graph::state(std::string name, TensorSpec spec, Initializer initializer) {
  return add_named(std::move(name), std::move(spec), Role::state, std::move(initializer));
}

Var Graph::constant(Shape shape, double value) {
  return add_value({{DType::f32, std::move(shape)},
                    Role::constant,
                    {},
                    no_node,
                    {Initializer::Kind::constant, value}});
}

namespace {

std::vector<TensorSpec> infer_outputs(const Op& op, std::vector<TensorSpec> inputs,
                                      const Attributes& attributes, const std::string& name) {
  try {
    return op.infer({std::move(inputs), attributes});
  } catch (const Error& error) {
    throw Error(std::string(op.name), fmt::format("{} (node '{}')", error.what(), name));
  }
}

}  // namespace

std::vector<Var> Graph::add(std::string_view op, const std::vector<Var>& inputs,
                            Attributes attributes, std::string name) {
  return add(find_op(op), inputs, std::move(attributes), std::move(name));
}

std::vector<Var> Graph::add(const Op& op, const std::vector<Var>& inputs, Attributes attributes,
                            std::string name) {
  if (name.empty()) name = fmt::format("{}_{}", op.name, nodes_.size());
  std::vector<TensorSpec> input_specs;
  std::vector<ValueId> input_ids;
  for (const Var& input : inputs) {
    if (&input.graph() != this)
      throw Error(std::string(op.name), "an input belongs to another graph (node '" + name + "')");
    input_specs.push_back(input.spec());
    input_ids.push_back(input.id());
  }
  std::vector<TensorSpec> output_specs =
      infer_outputs(op, std::move(input_specs), attributes, name);
  const auto node = static_cast<NodeId>(nodes_.size());
  std::vector<Var> outputs;
  std::vector<ValueId> output_ids;
  for (TensorSpec& spec : output_specs) {
    outputs.push_back(add_value({std::move(spec), Role::activation, name, node, {}}));
    output_ids.push_back(outputs.back().id());
  }
  nodes_.push_back(
      {&op, std::move(name), std::move(attributes), std::move(input_ids), std::move(output_ids)});
  return outputs;
}

void Graph::set_output(std::string name, Var value) {
  for (const Output& output : outputs_)
    if (output.name == name) throw Error("graph", "the output name '" + name + "' is taken");
  outputs_.push_back({std::move(name), value.id()});
}

ValueId Graph::find(std::string_view name) const {
  for (const Output& output : outputs_)
    if (output.name == name) return output.value;
  for (std::size_t i = 0; i < values_.size(); ++i)
    if (values_[i].role != Role::activation && values_[i].name == name)
      return static_cast<ValueId>(i);
  throw Error("graph", "there is no input, parameter, state or output '" + std::string(name) + "'");
}

void Graph::rename(ValueId value, std::string name) {
  check_free(name);
  values_.at(static_cast<std::size_t>(value)).name = std::move(name);
}

void Graph::keep_nodes(const std::vector<bool>& keep) {
  std::vector<Node> kept;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const NodeId id = keep[i] ? static_cast<NodeId>(kept.size()) : no_node;
    for (ValueId output : nodes_[i].outputs)
      values_[static_cast<std::size_t>(output)].producer = id;
    if (keep[i]) kept.push_back(std::move(nodes_[i]));
  }
  nodes_ = std::move(kept);
}

void Graph::set_nodes(std::vector<Node> nodes) {
  nodes_ = std::move(nodes);
  for (Value& value : values_) value.producer = no_node;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    std::vector<TensorSpec> inputs, outputs;
    for (ValueId input : node.inputs) {
      if (value(input).role == Role::activation && value(input).producer == no_node)
        throw Error("graph", fmt::format("node '{}' reads '{}' before it is computed", node.name,
                                         value(input).name));
      inputs.push_back(value(input).spec);
    }
    for (ValueId output : node.outputs) outputs.push_back(value(output).spec);
    if (infer_outputs(*node.op, std::move(inputs), node.attributes, node.name) != outputs)
      throw Error("graph", fmt::format("node '{}' does not set its outputs", node.name));
    for (ValueId output : node.outputs)
      values_[static_cast<std::size_t>(output)].producer = static_cast<NodeId>(i);
  }
}

}  // namespace tessera

#include "onnx/weights.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "onnx/file.h"

namespace tessera::importer {
namespace {

using onnx::GraphProto;
using onnx::NodeProto;
using onnx::TensorProto;
using Names = std::set<std::string>;

/// Operators whose constant float inputs are trainable weights.
bool is_layer(const NodeProto& node) {
  constexpr std::array<std::string_view, 10> ops = {"BatchNormalization",
                                                    "Conv",
                                                    "ConvTranspose",
                                                    "Einsum",
                                                    "Gemm",
                                                    "GroupNormalization",
                                                    "InstanceNormalization",
                                                    "MatMul",
                                                    "LayerNormalization",
                                                    "PRelu"};
  return is_one_of(node, ops);
}

bool is_arithmetic(const NodeProto& node) {
  constexpr std::array<std::string_view, 4> ops = {"Add", "Div", "Mul", "Sub"};
  return is_one_of(node, ops);
}

bool is_weight(const TensorProto& tensor) {
  const auto type = tensor.data_type();
  return tensor.dims_size() > 0 && (type == TensorProto::FLOAT || type == TensorProto::FLOAT16 ||
                                    type == TensorProto::DOUBLE || type == TensorProto::BFLOAT16);
}

/// The float tensor of a Constant node, or nullptr.
const TensorProto* held_tensor(const NodeProto& node) {
  if (node.op_type() != "Constant" || node.output_size() != 1) return nullptr;
  for (const auto& attribute : node.attribute())
    if (attribute.name() == "value" && attribute.has_t() && is_weight(attribute.t()))
      return &attribute.t();
  return nullptr;
}

/// Whether it has branches, which read values that are not inputs of the node.
bool has_branches(const NodeProto& node) {
  return std::any_of(node.attribute().begin(), node.attribute().end(),
                     [](const auto& attribute) { return attribute.has_g(); });
}

bool has_many_elements(const TensorProto& tensor) {
  return std::any_of(tensor.dims().begin(), tensor.dims().end(),
                     [](auto size) { return size > 1; });
}

/// The values of a graph that do not depend on its inputs. A node without inputs, such as a random
/// one, counts as an input unless it is a Constant.
class Known {
 public:
  explicit Known(const GraphProto& graph) {
    for (const TensorProto& tensor : graph.initializer()) {
      has_weights_[tensor.name()] = is_weight(tensor);
      if (is_weight(tensor)) tensors_.insert(tensor.name());
    }
    for (const NodeProto& node : graph.node()) add(node);
  }
  bool contains(const std::string& value) const {
    return value.empty() || has_weights_.contains(value);
  }
  /// Whether it is known and depends on float tensors.
  bool has_weights(const std::string& value) const {
    const auto found = has_weights_.find(value);
    return found != has_weights_.end() && found->second;
  }
  /// Returns the float tensors on which the known ones of these values depend.
  Names tensors_of(std::vector<std::string> values) const {
    Names seen, found;
    while (!values.empty()) {
      const std::string value = std::move(values.back());
      values.pop_back();
      if (!has_weights(value) || !seen.insert(value).second) continue;
      if (tensors_.contains(value)) found.insert(value);
      if (const auto maker = makers_.find(value); maker != makers_.end())
        values.insert(values.end(), maker->second->input().begin(), maker->second->input().end());
    }
    return found;
  }

 private:
  void add(const NodeProto& node) {
    bool any = held_tensor(node) != nullptr;
    if (any) tensors_.insert(node.output(0));
    if (has_branches(node) || (node.input_size() == 0 && node.op_type() != "Constant")) return;
    for (const std::string& input : node.input()) {
      if (!contains(input)) return;
      any |= has_weights(input);
    }
    for (const std::string& output : node.output()) {
      has_weights_.try_emplace(output, any);
      makers_.try_emplace(output, &node);
    }
  }

  std::map<std::string, bool> has_weights_;
  std::map<std::string, const NodeProto*> makers_;
  Names tensors_;
};

/// Returns the float tensors of all layers.
Names weights_of_layers(const GraphProto& graph, const Known& known) {
  std::vector<std::string> values;
  for (const NodeProto& node : graph.node())
    if (is_layer(node)) values.insert(values.end(), node.input().begin(), node.input().end());
  return known.tensors_of(std::move(values));
}

/// Returns the inputs and the values computed from inputs by nodes that are not layers with
/// weights.
Names unprocessed(const GraphProto& graph, const Known& known) {
  Names values;
  for (const auto& input : graph.input())
    if (!known.contains(input.name())) values.insert(input.name());
  for (const NodeProto& node : graph.node()) {
    if (has_branches(node)) continue;
    bool depends = false, fits = true, has_weights = false;
    for (const std::string& input : node.input()) {
      const bool is_known = known.contains(input);
      depends |= !is_known;
      fits &= is_known || values.contains(input);
      has_weights |= known.has_weights(input);
    }
    if (depends && fits && !(is_layer(node) && has_weights))
      values.insert(node.output().begin(), node.output().end());
  }
  return values;
}

}  // namespace

void move_weights_to_initializers(GraphProto& graph) {
  const Known known(graph);
  Names moved = weights_of_layers(graph, known);
  const bool elsewhere =
      std::any_of(graph.initializer().begin(), graph.initializer().end(),
                  [&](const TensorProto& tensor) { return moved.contains(tensor.name()); });
  if (moved.empty() || elsewhere) return;
  Names operands;
  for (const NodeProto& node : graph.node())
    if (is_arithmetic(node)) operands.insert(node.input().begin(), node.input().end());
  std::vector<NodeProto> kept;
  for (NodeProto& node : *graph.mutable_node()) {
    const TensorProto* tensor = held_tensor(node);
    const bool is_operand = tensor && operands.contains(node.output(0));
    if (!tensor ||
        (!moved.contains(node.output(0)) && !(is_operand && has_many_elements(*tensor)))) {
      kept.push_back(std::move(node));
      continue;
    }
    TensorProto& initializer = *graph.add_initializer();
    initializer = *tensor;
    initializer.set_name(node.output(0));
  }
  graph.clear_node();
  for (NodeProto& node : kept) *graph.add_node() = std::move(node);
}

Names preparation_of(const GraphProto& graph) {
  const Known known(graph);
  const Names values = unprocessed(graph, known);
  Names leads;  // values that lead to a layer
  std::vector<std::string> operands;
  for (int i = graph.node_size(); i-- > 0;) {
    const NodeProto& node = graph.node(i);
    const bool passes = std::any_of(
        node.output().begin(), node.output().end(),
        [&](const auto& output) { return values.contains(output) && leads.contains(output); });
    const bool is_first =
        is_layer(node) && node.output_size() > 0 && !values.contains(node.output(0));
    if (!is_first && !passes) continue;
    for (const std::string& input : node.input()) {
      if (values.contains(input)) leads.insert(input);
      if (passes && is_arithmetic(node)) operands.push_back(input);
    }
  }
  return known.tensors_of(std::move(operands));
}

}  // namespace tessera::importer

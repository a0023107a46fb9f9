// A node of the model for its import function: attributes, inputs, the graph.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "onnx/importer.h"
#include "onnx/inline.h"

namespace tessera::importer {

/// `found` itself. Throws Error unless it is from `least` to most_setting.
std::int64_t checked_size(const std::string& name, std::int64_t found, std::int64_t least);

class Call {
 public:
  Call(Importer& importer, const onnx::NodeProto& node) : importer_(importer), node_(node) {}

  const std::string& op() const { return node_.op_type(); }
  /// Whether it is an operator of ONNX's own domain.
  bool is_onnx() const { return importer::is_onnx(node_.domain()); }
  /// For the nodes of the graph.
  std::string name() const { return name_of(node_); }
  std::int64_t opset() const { return importer_.file().opset(node_); }
  Graph& graph() { return importer_.graph(); }
  /// Adapts a shape to the batch size of the graph, which may differ from the file's.
  Shape for_batch(Shape shape) const;
  bool is_batch(const Shape& shape) const;

  /// The budget for known tensors.
  Budget& budget() const { return importer_.budget(); }

  // Throw Error if the attribute has another type.
  bool has_attribute(const std::string& attribute) const;
  std::int64_t integer(const std::string& attribute, std::int64_t otherwise) const;
  /// Returns a block size, a number of groups or similar. Throws Error unless it is from 1 to
  /// most_setting.
  std::int64_t size(const std::string& attribute, std::int64_t otherwise) const;
  bool flag(const std::string& attribute, bool otherwise = false) const;
  double number(const std::string& attribute, double otherwise) const;
  std::string text(const std::string& attribute, const std::string& otherwise) const;
  std::vector<std::int64_t> integers(const std::string& attribute,
                                     std::vector<std::int64_t> otherwise = {}) const;
  std::vector<double> numbers(const std::string& attribute) const;
  /// The tensor of a Constant; throws Error when there is none.
  Constant tensor_attribute(const std::string& attribute) const;
  /// Imports the graph of an attribute and returns its outputs. Throws Error if there is none.
  std::vector<Argument> branch(const std::string& attribute) const;
  /// Throws Error unless the attribute is absent or has this value.
  void expect(const std::string& attribute, std::int64_t value) const;

  std::size_t inputs() const { return static_cast<std::size_t>(node_.input_size()); }
  std::size_t outputs() const { return static_cast<std::size_t>(node_.output_size()); }
  bool has(std::size_t input) const;
  bool is_constant(std::size_t input) const { return importer_.is_constant(input_name(input)); }
  const Argument& argument(std::size_t input) const { return importer_.at(input_name(input)); }
  Tensor tensor(std::size_t input) { return importer_.tensor(input_name(input)); }
  Var statistics(std::size_t input) { return importer_.statistics(input_name(input)); }
  Tensor indices(std::size_t input) { return importer_.indices(input_name(input)); }
  Constant constant(std::size_t input) const { return importer_.constant(input_name(input)); }
  /// Returns the shape of the input, known or in the graph.
  Shape shape(std::size_t input) const;

  /// Adds computed numbers to the graph; `suffix` distinguishes those of one node.
  Tensor held(const std::string& suffix, const Constant& constant) {
    return importer_.held(name() + suffix, constant, DType::f32);
  }

  /// Returns the indices i32 of an input.
  Var held_indices(const Constant& constant) {
    return importer_.held(name(), constant, DType::i32).var;
  }

  /// Returns a setting that is an attribute in older opsets and a known input in newer ones;
  /// nothing if it is absent.
  std::optional<std::vector<std::int64_t>> setting(const std::string& attribute,
                                                   std::size_t input) const;
  std::optional<double> number_setting(const std::string& attribute, std::size_t input) const;

 private:
  using Type = onnx::AttributeProto::AttributeType;
  const onnx::AttributeProto* find(const std::string& attribute) const;
  const onnx::AttributeProto* find(const std::string& attribute, Type type) const;
  const std::string& input_name(std::size_t input) const;

  Importer& importer_;
  const onnx::NodeProto& node_;
};

}  // namespace tessera::importer

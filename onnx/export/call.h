// A node of the graph for its export function.
#pragma once

#include <string>
#include <vector>

#include "onnx/export/writer.h"
#include "tessera/op.h"

namespace tessera::exporter {

class Call {
 public:
  Call(Writer& writer, const Node& node) : writer_(writer), node_(node) {}
  Writer& writer() { return writer_; }
  const Graph& graph() const { return writer_.graph(); }
  std::string op() const { return std::string(node_.op->name); }
  const Attributes& attributes() const { return node_.attributes; }
  std::int64_t integer(const char* name) const { return node_.attributes.integer(name); }
  const Integers& integers(const char* name) const { return node_.attributes.integers(name); }

  std::size_t inputs() const { return node_.inputs.size(); }
  ValueId input(std::size_t i) const { return node_.inputs.at(i); }
  ValueId output(std::size_t i = 0) const { return node_.outputs.at(i); }
  const Shape& shape(std::size_t i) const { return writer_.shape(input(i)); }
  std::size_t rank(std::size_t i) const { return shape(i).size(); }
  const Shape& output_shape() const { return writer_.shape(output()); }
  bool is_held(std::size_t i) const { return writer_.is_held(input(i)); }
  /// Returns the producer of an input if it has this op; else nullptr.
  const Node* producer(std::size_t i, std::string_view op) const;

  Tensor tensor(std::size_t i) { return writer_.tensor(input(i)); }
  std::string in_order(std::size_t i, const Axes& axes) { return writer_.in_order(input(i), axes); }
  std::string plain(std::size_t i) { return in_order(i, importer::plain_axes(rank(i))); }
  /// Returns the input with channels first if they are last in memory.
  std::string image(std::size_t i) { return in_order(i, importer::channels_first(rank(i))); }

  /// Appends a node named after this one.
  std::string add(const std::string& op, const std::vector<std::string>& inputs,
                  const NamedAttributes& attributes = {}) {
    return writer_.add(op, inputs, attributes, node_.name);
  }
  std::string integers(const std::string& suffix, const Integers& values) {
    return writer_.add_integers(node_.name + "." + suffix, values);
  }
  std::string floats(const std::string& suffix, const Shape& shape,
                     const std::vector<float>& values) {
    return writer_.add_floats(node_.name + "." + suffix, shape, values);
  }
  std::string number(double value) { return floats("number", {}, {static_cast<float>(value)}); }

  /// Sets the tensor of output 0.
  void set(const std::string& name, const Axes& axes) { writer_.set(output(), {name, axes}); }
  void set_plain(const std::string& name) {
    set(name, importer::plain_axes(output_shape().size()));
  }
  void set_image(const std::string& name) {
    set(name, importer::channels_first(output_shape().size()));
  }

 private:
  Writer& writer_;
  const Node& node_;
};

}  // namespace tessera::exporter

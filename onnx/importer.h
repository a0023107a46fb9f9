// One import: the values of the net so far, by name, in the graph that is built or known here.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "onnx/budget.h"
#include "onnx/constant.h"
#include "onnx/file.h"
#include "onnx/tensor.h"
#include "tessera/graph.h"

namespace tessera::importer {

/// What a name of the net stands for: a tensor of the graph, something known, or weights that
/// become a parameter when they are used.
using Argument = std::variant<Tensor, Constant, const onnx::TensorProto*>;

/// Of the first input.
struct BatchSize {
  std::int64_t fixed;  ///< in the file; -1: it is open there
  std::int64_t size;   ///< in the graph
};

class Importer {
 public:
  Importer(const File& file, Graph& graph, BatchSize batch)
      : file_(file), graph_(graph), batch_(batch) {}
  Graph& graph() { return graph_; }
  const BatchSize& batch() const { return batch_; }
  const File& file() const { return file_; }
  Budget& budget() const { return budget_; }

  /// Throws Error when a tensor is larger than any can be.
  void set(const std::string& name, Argument argument);
  void import_node(const onnx::NodeProto& node);
  /// A graph inside of a node: its outputs.
  std::vector<Argument> import_graph(const onnx::GraphProto& graph);
  /// All nodes that these values need and that are not there yet.
  void import_missing(const std::vector<std::string>& values);

  /// Throws Error when the value is not there.
  const Argument& at(const std::string& name) const;
  /// In the graph, f32: weights become parameters, constants and what prepares the images states
  /// that nothing updates.
  Tensor tensor(const std::string& name);
  /// The same, but weights become a state.
  Var statistics(const std::string& name);
  /// Indices i32.
  Tensor indices(const std::string& name);
  /// Throws Error when it is computed in the graph.
  Constant constant(const std::string& name) const;
  bool is_constant(const std::string& name) const;
  /// A state that nothing updates, under this name.
  Tensor held(const std::string& name, const Constant& constant, DType dtype);

 private:
  /// Makes an initializer a value.
  void take(const std::string& name);
  Tensor held(const onnx::TensorProto& weights, Role role);

  const File& file_;
  Graph& graph_;
  BatchSize batch_;
  mutable Budget budget_;
  std::map<std::string, Argument> arguments_;
  std::map<std::string, Tensor> held_;  ///< parameters and states, by their names
};

}  // namespace tessera::importer

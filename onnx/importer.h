// One import: the values of the model so far, by name, in the graph or known.
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

/// The value of a name: a tensor of the graph, a known tensor, or weights that become a parameter
/// on first use.
using Argument = std::variant<Tensor, Constant, const onnx::TensorProto*>;

/// The batch size of the first input.
struct BatchSize {
  std::int64_t fixed;  ///< in the file; -1: dynamic
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

  /// Throws Error if a tensor exceeds the limits.
  void set(const std::string& name, Argument argument);
  void import_node(const onnx::NodeProto& node);
  /// Imports a graph inside of a node and returns its outputs.
  std::vector<Argument> import_graph(const onnx::GraphProto& graph);
  /// Imports all missing nodes that these values need.
  void import_missing(const std::vector<std::string>& values);

  /// Throws Error if the value does not exist.
  const Argument& at(const std::string& name) const;
  /// Returns the value in the graph, f32: weights become parameters; constants and image
  /// normalization become states that are never updated.
  Tensor tensor(const std::string& name);
  /// The same, but weights become a state.
  Var statistics(const std::string& name);
  /// Indices i32.
  Tensor indices(const std::string& name);
  /// Throws Error if it is computed in the graph.
  Constant constant(const std::string& name) const;
  bool is_constant(const std::string& name) const;
  /// Adds a state with this name that is never updated.
  Tensor held(const std::string& name, const Constant& constant, DType dtype);

 private:
  /// Adds an initializer as a value.
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

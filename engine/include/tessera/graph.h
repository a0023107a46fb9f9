// The graph: nodes and values in two vectors, referred to by index. Nodes are in the order in which
// they were appended, which is a topological order and the order of execution.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/attributes.h"
#include "tessera/export.h"
#include "tessera/spec.h"

namespace tessera {

struct Op;
class Graph;

using ValueId = std::int32_t;
using NodeId = std::int32_t;
inline constexpr NodeId no_node = -1;

enum class Role : std::uint8_t {
  activation,  ///< computed by a node, stored in the arena
  input,       ///< written before each run
  parameter,   ///< trained, held by Params
  state,       ///< held by Params but not trained: momentum, counters, histories
  constant,    ///< filled once with one value
};

/// The initial values of a parameter or state; tessera/initializers.h creates the usual ones.
struct Initializer {
  enum class Kind : std::uint8_t { constant, uniform, normal, given } kind = Kind::constant;
  double value = 0;   ///< the constant; the bound b of uniform [-b, b); the deviation of normal
  double center = 0;  ///< added to uniform and normal
  /// given: returns the elements, as bytes, when they are needed.
  std::function<std::vector<std::byte>()> bytes = {};
};

/// A tensor of a graph: its spec, its role and its producer.
struct Value {
  TensorSpec spec;
  Role role = Role::activation;
  std::string name;
  NodeId producer = no_node;
  Initializer initializer = {};  ///< parameters, states and constants
};

/// An op applied to input values, with its output values.
struct Node {
  const Op* op = nullptr;
  std::string name;
  Attributes attributes;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
};

/// A handle to a value of a graph, for functions that build graphs. The graph must outlive it.
class TESSERA_API Var {
 public:
  /// Refers to the value of a graph with this id.
  Var(Graph& graph, ValueId id) : graph_(&graph), id_(id) {}
  /// Returns the graph.
  Graph& graph() const { return *graph_; }
  /// Returns the index in Graph::values().
  ValueId id() const { return id_; }
  /// Returns the element type and shape.
  const TensorSpec& spec() const;
  /// Returns the shape.
  const Shape& shape() const { return spec().shape; }

 private:
  Graph* graph_;
  ValueId id_;
};

/// The use of a graph. Layers such as batch norm and dropout depend on it.
enum class Mode : std::uint8_t { inference, training };

/// A computation: values and the nodes between them.
class TESSERA_API Graph {
 public:
  /// Creates an empty graph; `seed` is for random layers.
  explicit Graph(Mode mode = Mode::inference, std::uint64_t seed = 0) : mode_(mode), seed_(seed) {}
  /// Returns the mode.
  Mode mode() const { return mode_; }
  /// Returns the seed of random layers.
  std::uint64_t seed() const { return seed_; }

  /// Adds a tensor that is written before each run. Names of inputs, parameters and states are
  /// unique.
  Var input(std::string name, TensorSpec spec);
  /// Adds a trained tensor, f32; Params holds it under this name.
  Var parameter(std::string name, Shape shape, Initializer initializer);
  /// Adds a tensor that Params holds but that is not trained.
  Var state(std::string name, TensorSpec spec, Initializer initializer = {});
  /// Adds an f32 tensor of this shape whose elements are all `value`.
  Var constant(Shape shape, double value);

  /// Appends a node and returns its outputs. Throws Error `[op] ... (node 'name')` if the inputs or
  /// attributes are invalid. An empty name becomes the op's name and a number.
  std::vector<Var> add(std::string_view op, const std::vector<Var>& inputs,
                       Attributes attributes = {}, std::string name = {});
  /// Does the same with an op that is not in the library's table (tessera/custom_op.h).
  std::vector<Var> add(const Op& op, const std::vector<Var>& inputs, Attributes attributes = {},
                       std::string name = {});

  /// Makes a value readable after a run under this name.
  void set_output(std::string name, Var value);

  /// Returns the nodes in execution order.
  const std::vector<Node>& nodes() const { return nodes_; }
  /// Returns the values in the order in which they were added.
  const std::vector<Value>& values() const { return values_; }
  /// Returns the node with this index. Throws std::out_of_range if there is none.
  const Node& node(NodeId id) const { return nodes_.at(static_cast<std::size_t>(id)); }
  /// Returns the value with this index. Throws std::out_of_range if there is none.
  const Value& value(ValueId id) const { return values_.at(static_cast<std::size_t>(id)); }
  /// A value that can be read after a run.
  struct Output {
    std::string name;
    ValueId value;
  };
  /// Returns the outputs in the order of set_output.
  const std::vector<Output>& outputs() const { return outputs_; }
  /// Returns the input, parameter, state or output with this name. Throws Error if there is none.
  ValueId find(std::string_view name) const;

  /// Renames an input, parameter or state. Throws Error if the name is in use.
  void rename(ValueId value, std::string name);

  /// Removes the nodes for which `keep` is false. Their values stay but have no producer.
  void keep_nodes(const std::vector<bool>& keep);

  /// Replaces all nodes with nodes on the same values, for passes. Values that no node computes
  /// have no producer. Throws Error if a node reads a value before it is computed, or if the
  /// outputs of a node do not match its op.
  void set_nodes(std::vector<Node> nodes);

 private:
  Var add_value(Value value);
  void check_free(const std::string& name) const;
  Var add_named(std::string name, TensorSpec spec, Role role, Initializer initializer);

  Mode mode_;
  std::uint64_t seed_;
  std::vector<Node> nodes_;
  std::vector<Value> values_;
  std::vector<Output> outputs_;
};

}  // namespace tessera

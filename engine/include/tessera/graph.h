// The graph: nodes and values in two vectors, referred to by index. Nodes stand in the order in
// which they were appended, which is a topological order and the order of execution.
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
  activation,  ///< made by a node, lives in the arena
  input,       ///< written before each run
  parameter,   ///< trained, held by Params
  state,       ///< held by Params but not trained: momentum, counters, histories
  constant,    ///< filled once with one number
};

/// How a parameter or state gets its first values; tessera/initializers.h makes the usual ones.
struct Initializer {
  enum class Kind : std::uint8_t { constant, uniform, normal, given } kind = Kind::constant;
  double value = 0;   ///< the constant; the bound b of uniform [-b, b); the deviation of normal
  double center = 0;  ///< added to uniform and normal
  /// given: makes the elements, as bytes, when they are wanted.
  std::function<std::vector<std::byte>()> bytes = {};
};

/// A tensor of a graph: what it is, and where it comes from.
struct Value {
  TensorSpec spec;
  Role role = Role::activation;
  std::string name;
  NodeId producer = no_node;
  Initializer initializer = {};  ///< parameters, states and constants
};

/// An op at work: which inputs it reads and which outputs it gives.
struct Node {
  const Op* op = nullptr;
  std::string name;
  Attributes attributes;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
};

/// A value of a graph, as the functions that build graphs pass it around. The graph outlives it.
class TESSERA_API Var {
 public:
  /// The value of a graph that has this id.
  Var(Graph& graph, ValueId id) : graph_(&graph), id_(id) {}
  /// The graph whose value it is.
  Graph& graph() const { return *graph_; }
  /// Its index in Graph::values().
  ValueId id() const { return id_; }
  /// Its element type and shape.
  const TensorSpec& spec() const;
  /// Its shape.
  const Shape& shape() const { return spec().shape; }

 private:
  Graph* graph_;
  ValueId id_;
};

/// What a graph is built for; layers such as batch norm and dropout differ.
enum class Mode : std::uint8_t { inference, training };

/// A computation: values and the nodes between them.
class TESSERA_API Graph {
 public:
  /// `seed`: of random layers.
  explicit Graph(Mode mode = Mode::inference, std::uint64_t seed = 0) : mode_(mode), seed_(seed) {}
  /// What it was made for.
  Mode mode() const { return mode_; }
  /// That of random layers.
  std::uint64_t seed() const { return seed_; }

  /// A tensor written before each run. Names of inputs, parameters and states are unique.
  Var input(std::string name, TensorSpec spec);
  /// A trained tensor, f32; Params holds it under this name.
  Var parameter(std::string name, Shape shape, Initializer initializer);
  /// A tensor that Params holds but that is not trained.
  Var state(std::string name, TensorSpec spec, Initializer initializer = {});
  /// A tensor f32 of this shape whose elements are all `value`.
  Var constant(Shape shape, double value);

  /// Appends a node and returns its outputs. Throws Error `[op] ... (node 'name')` when the inputs
  /// or attributes do not fit. An empty name becomes the op's name and a number.
  std::vector<Var> add(std::string_view op, const std::vector<Var>& inputs,
                       Attributes attributes = {}, std::string name = {});
  /// The same with an op that is not in the library's table (tessera/custom_op.h).
  std::vector<Var> add(const Op& op, const std::vector<Var>& inputs, Attributes attributes = {},
                       std::string name = {});

  /// Makes a value readable after a run, under this name.
  void set_output(std::string name, Var value);

  /// In the order of execution.
  const std::vector<Node>& nodes() const { return nodes_; }
  /// In the order in which they were made.
  const std::vector<Value>& values() const { return values_; }
  /// The node with this index; throws std::out_of_range when there is none.
  const Node& node(NodeId id) const { return nodes_.at(static_cast<std::size_t>(id)); }
  /// The value with this index; throws std::out_of_range when there is none.
  const Value& value(ValueId id) const { return values_.at(static_cast<std::size_t>(id)); }
  /// A value that can be read after a run.
  struct Output {
    std::string name;
    ValueId value;
  };
  /// In the order of set_output.
  const std::vector<Output>& outputs() const { return outputs_; }
  /// The input, parameter, state or output with this name; throws Error if there is none.
  ValueId find(std::string_view name) const;

  /// Gives an input, parameter or state another name. Throws Error when it is taken.
  void rename(ValueId value, std::string name);

  /// Drops the nodes for which `keep` is false; their values stay but have no producer.
  void keep_nodes(const std::vector<bool>& keep);

  /// Puts nodes on the same values in the place of all nodes, for passes. Values that none of them
  /// gives have no producer. Throws Error when a node reads a value before it is there, or its op
  /// does not give its outputs.
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

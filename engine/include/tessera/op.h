// An op is data and two functions. `infer` makes all checks and computes output specs from input
// specs. `gradient` appends the nodes of the backward pass. Backends know an op by its name only.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/attributes.h"
#include "tessera/graph.h"
#include "tessera/spec.h"

namespace tessera {

/// The arguments of `infer`: the specs of the inputs, in order, and the attributes.
struct InferContext {
  std::vector<TensorSpec> inputs;
  const Attributes& attributes;
};

/// The argument of `gradient`: a node, the gradients of its outputs, and the inputs that need a
/// gradient.
class TESSERA_API GradientContext {
 public:
  /// For autograd, which calls `gradient`.
  GradientContext(Graph& graph, Node node, std::vector<std::optional<Var>> output_gradients,
                  std::vector<bool> wanted);

  /// Returns the graph to which nodes are appended.
  Graph& graph() { return graph_; }
  /// Returns the attributes of the node.
  const Attributes& attributes() const { return node_.attributes; }
  /// Returns the number of inputs of the node.
  std::size_t input_count() const { return node_.inputs.size(); }
  /// Returns input `i`.
  Var input(std::size_t i) const;
  /// Returns output `i`.
  Var output(std::size_t i) const;
  /// Returns the gradient of the loss with respect to output 0. Differentiable ops have their
  /// result in output 0.
  Var dy() const;
  /// Returns whether the gradient of an input is needed; others may be left out.
  bool wants(std::size_t input) const { return wanted_.at(input); }
  /// Sets the gradient of an input, which has the shape of the input.
  void set(std::size_t input, Var gradient) { gradients_.at(input) = gradient; }
  /// Returns the gradients that were set, by input.
  const std::vector<std::optional<Var>>& gradients() const { return gradients_; }
  /// Returns a name for a node of the backward pass: the name of the forward node and a suffix.
  std::string name(std::string_view suffix) const;

 private:
  Graph& graph_;
  Node node_;
  std::vector<std::optional<Var>> output_gradients_;
  std::vector<bool> wanted_;
  std::vector<std::optional<Var>> gradients_;
};

/// Output `output` shares the storage of input `input`.
struct Alias {
  int output;
  int input;
};

/// The documentation of an op in docs/ops.md.
struct OpDoc {
  std::string formula;
  std::string shapes;  ///< of inputs and outputs, "x f32 [N,C] -> y f32 [N,K]"
  std::string attributes = {};
};

class CustomOp;

/// An op; see the top of this file.
struct Op {
  std::string_view name;
  /// Returns the output specs for the inputs. Throws Error with a message that names neither the op
  /// nor the node; Graph::add adds both.
  std::vector<TensorSpec> (*infer)(const InferContext&);
  /// Appends the gradient. nullptr: not differentiable.
  void (*gradient)(GradientContext&) = nullptr;
  /// Outputs that overwrite an input: in-place updates of parameters or states.
  std::vector<Alias> updates = {};
  /// The op updates any number of tensors in the same way: for output or input i in `updates`, a
  /// node with n tensors has n consecutive outputs or inputs, starting at n * i.
  bool updates_many = false;
  /// Output 0 is input 0 with another shape; there is no work at run time.
  bool is_view = false;
  OpDoc doc = {};
  /// The implementation of a custom op; the backends know other ops by name.
  const CustomOp* custom = nullptr;
};

/// Returns the in-place updates of a node of this op with this number of outputs.
TESSERA_API std::vector<Alias> updates_of(const Op& op, std::size_t outputs);

/// Returns the op with this name. Throws Error that lists the existing ops.
TESSERA_API const Op& find_op(std::string_view name);
/// Returns all ops in the order of the op table.
TESSERA_API std::vector<const Op*> all_ops();

}  // namespace tessera

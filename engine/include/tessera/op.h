// An op is data and two functions: `infer` turns input specs into output specs and makes every
// check; `gradient` appends the nodes of the backward pass. Backends know an op by its name only.
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

/// What `infer` sees: the specs of the inputs, in order, and the attributes.
struct InferContext {
  std::vector<TensorSpec> inputs;
  const Attributes& attributes;
};

/// What `gradient` sees: a node, the gradients of its outputs, and which inputs want one.
class TESSERA_API GradientContext {
 public:
  /// For autograd, which calls `gradient`.
  GradientContext(Graph& graph, Node node, std::vector<std::optional<Var>> output_gradients,
                  std::vector<bool> wanted);

  /// Where to append nodes.
  Graph& graph() { return graph_; }
  /// Those of the node.
  const Attributes& attributes() const { return node_.attributes; }
  /// How many inputs the node has.
  std::size_t input_count() const { return node_.inputs.size(); }
  /// Input `i`.
  Var input(std::size_t i) const;
  /// Output `i`.
  Var output(std::size_t i) const;
  /// Gradient of the loss with respect to output 0; differentiable ops have it in output 0.
  Var dy() const;
  /// Whether the gradient of an input is asked for; others may be left out.
  bool wants(std::size_t input) const { return wanted_.at(input); }
  /// Gives the gradient of an input, of the same shape.
  void set(std::size_t input, Var gradient) { gradients_.at(input) = gradient; }
  /// Those that were given, by input.
  const std::vector<std::optional<Var>>& gradients() const { return gradients_; }
  /// A name for a node of the backward pass: that of the forward node and a suffix.
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

/// What docs/ops.md says of an op.
struct OpDoc {
  std::string formula;
  std::string shapes;  ///< of inputs and outputs, "x f32 [N,C] -> y f32 [N,K]"
  std::string attributes = {};
};

class CustomOp;

/// An op: see the head of this file.
struct Op {
  std::string_view name;
  /// Output specs for the inputs; throws Error with a message that names neither op nor node
  /// (Graph::add puts both around it).
  std::vector<TensorSpec> (*infer)(const InferContext&);
  /// nullptr: not differentiable.
  void (*gradient)(GradientContext&) = nullptr;
  /// Outputs that are written over an input: an update in place of a parameter or a state.
  std::vector<Alias> updates = {};
  /// The op updates any number of tensors alike: where `updates` says output or input i, a node
  /// with n tensors has n outputs or inputs one after another, from n * i on.
  bool updates_many = false;
  /// Output 0 is input 0 under another shape: no work at run time.
  bool is_view = false;
  OpDoc doc = {};
  /// What computes an op that is not the library's; the backends know the others by name.
  const CustomOp* custom = nullptr;
};

/// The updates in place of a node of this op that has so many outputs.
TESSERA_API std::vector<Alias> updates_of(const Op& op, std::size_t outputs);

/// The op with this name, or an Error that lists the ones there are.
TESSERA_API const Op& find_op(std::string_view name);
/// Every op, in the order of the op table.
TESSERA_API std::vector<const Op*> all_ops();

}  // namespace tessera

// What an algorithm of any backend sees of a node.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/error.h"
#include "tessera/graph.h"
#include "tessera/op.h"
#include "tessera/tuning.h"

namespace tessera {

/// A part of a node: rows of the first dimension of its outputs and of some inputs.
struct Piece {
  std::vector<bool> inputs = {};  ///< which have these rows; the node gets the others as a whole
  std::int64_t first = 0;
  std::int64_t count = 0;  ///< 0: all rows, and all inputs as a whole

  bool is_whole() const { return count == 0; }
};

/// A node, or a piece of it, with the parameters that tuning chose.
class NodeView {
 public:
  NodeView(const Graph& graph, NodeId id, Parameters parameters = {}, const Piece& piece = {});

  const Graph& graph() const { return *graph_; }
  NodeId id() const { return id_; }
  const Node& node() const { return *node_; }
  std::string_view op_name() const { return node_->op->name; }
  const Attributes& attributes() const { return node_->attributes; }
  std::size_t input_count() const { return input_specs_.size(); }
  std::size_t output_count() const { return output_specs_.size(); }
  const TensorSpec& input_spec(std::size_t i) const { return input_specs_.at(i); }
  const TensorSpec& output_spec(std::size_t i) const { return output_specs_.at(i); }
  /// Returns the number that tuning chose, one of the algorithm's candidates, or `untuned`.
  std::int64_t parameter(std::string_view name, std::int64_t untuned) const;

 private:
  const Graph* graph_;
  NodeId id_;
  const Node* node_;
  std::vector<TensorSpec> input_specs_, output_specs_;
  Parameters parameters_;
};

/// A size that an algorithm cannot count, or memory that the device does not allow at once. The
/// algorithm then refuses the node.
class TooLarge : public Error {
 public:
  TooLarge(const NodeView& node, std::string reason);
  const std::string& reason() const { return reason_; }

 private:
  std::string reason_;
};

}  // namespace tessera

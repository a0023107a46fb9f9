// One export: the nodes and weights of the file so far, and the tensor of each value of the graph.
// Images have their channels first in the file: each tensor records its order of dimensions, and a
// Transpose is written only if a node needs another order.
#pragma once

#include <onnx/onnx_pb.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "onnx/axes.h"
#include "tessera/classifier.h"
#include "tessera/graph.h"
#include "tessera/params.h"

namespace tessera::exporter {

using importer::Axes;
using importer::place_of;
using Integers = std::vector<std::int64_t>;
using NamedAttributes = std::vector<std::pair<std::string, Attribute>>;

struct Tensor {
  std::string name;
  Axes axes;  ///< dimension i in the file is dimension axes[i] in the graph
};

/// A model for two batch sizes: where its shapes differ, the file has a dynamic size.
struct Net {
  const Graph& graph;
  const Graph& other;
  const Params& params;
  Weights weights;
};

class Writer {
 public:
  explicit Writer(const Net& net);
  const Graph& graph() const { return net_.graph; }
  const Shape& shape(ValueId value) const { return graph().value(value).spec.shape; }
  /// Whether the values depend on the batch size.
  bool depends_on_batch(const Node& node) const;

  /// Whether its elements are known: parameters, states, constants and values computed from them.
  bool is_held(ValueId value) const;
  /// Returns the elements of such a value, f32.
  std::vector<float> floats(ValueId value) const;
  /// Sets the known elements of a value, with the name `name` in the file.
  void hold(ValueId value, const std::string& name, std::vector<float> floats);
  const std::string& held_name(ValueId value) const;

  void set(ValueId value, Tensor tensor) { tensors_.insert_or_assign(value, std::move(tensor)); }
  /// Returns the tensor as stored. Throws Error if it is not in the file.
  Tensor tensor(ValueId value);
  /// Returns the name of the tensor with the dimensions in this order.
  std::string in_order(ValueId value, const Axes& axes);
  /// The same with leading dimensions of size 1, which the order includes.
  std::string in_order(ValueId value, std::size_t rank, const Axes& axes);

  /// Returns the dimensions in the file, in this order; -1 if they grow with the batch.
  Integers open_shape(ValueId value, const Axes& axes) const;
  /// Returns the name of a complete shape, for nodes that need all dimensions.
  std::string whole_shape(const Integers& open, const Shape& sizes, const std::string& name);

  /// Appends a node and returns the name of its output.
  std::string add(const std::string& op, const std::vector<std::string>& inputs,
                  const NamedAttributes& attributes, const std::string& name);
  std::string add_floats(const std::string& name, const Shape& shape,
                         const std::vector<float>& values);
  std::string add_integers(const std::string& name, const Integers& values);

  /// The graph with the outputs of the model, without unused nodes.
  onnx::GraphProto finish();

 private:
  std::string unique(const std::string& name);
  void add_input(ValueId value);
  std::string add_weights(ValueId value, const Shape& shape, const Axes& axes);
  std::string batch_size();
  void describe(onnx::ValueInfoProto& info, const std::string& name, ValueId value,
                const Axes& axes) const;
  /// Names the tensor of a node; for other tensors adds a node.
  void rename(std::string from, const std::string& to);
  void remove_unused();

  Net net_;
  onnx::GraphProto file_;
  std::set<std::string> names_;    ///< taken
  std::set<std::string> written_;  ///< weights with their own names
  std::map<ValueId, Tensor> tensors_;
  struct Held {
    std::string name;
    std::vector<float> floats;
  };
  std::map<ValueId, Held> made_;
  std::map<std::pair<std::string, Axes>, std::string> ordered_;  ///< reordered tensors
  std::map<std::pair<ValueId, Axes>, std::string> weights_;
  std::string batch_, batch_input_;
};

}  // namespace tessera::exporter

// The end of a classifier: the activation that converts logits to probabilities, the nodes after
// it, and the layer before it.
#pragma once

#include <string>
#include <vector>

#include "onnx/file.h"

namespace tessera::importer {

struct Ending {
  enum class Kind : std::uint8_t { none, softmax, sigmoid } kind = Kind::none;
  std::string logits;  ///< the input of the activation, or the first output
  const onnx::NodeProto* activation = nullptr;  ///< returns probabilities or their logarithms
  /// Whether a softmax has one row for all dimensions from `axis` on.
  bool is_flat = false;
  std::int64_t axis = 0;
  /// From the activation to the first output, in order.
  std::vector<const onnx::NodeProto*> behind = {};
};

/// Finds a softmax (or LogSoftmax, or its parts Exp, ReduceSum and Div) or sigmoid that is followed
/// only by reshapes, casts, logarithms and clips that keep probabilities.
Ending ending_of(const File& file);

/// Whether logits skip a node after the activation, since it works on probabilities.
bool is_for_probabilities(const onnx::NodeProto& node);

/// Whether a softmax is over the classes of each image, if its input has this shape.
bool is_over_classes(const Ending& ending, const Shape& shape, std::int64_t batch);
/// Whether it is over the batch.
bool is_over_batch(const Ending& ending, std::size_t rank);

/// Returns the layer that computes the logits: a Gemm, a Conv, or a MatMul with an optional Add of
/// its bias. Throws Error that names another node.
const onnx::NodeProto& head_of(const File& file, const Ending& ending);

}  // namespace tessera::importer

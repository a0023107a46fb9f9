// How the net of a classifier ends: the node that makes probabilities of logits, what follows it,
// and the layer before it.
#pragma once

#include <string>
#include <vector>

#include "onnx/file.h"

namespace tessera::importer {

struct Ending {
  enum class Kind : std::uint8_t { none, softmax, sigmoid } kind = Kind::none;
  std::string logits;                           ///< what the activation reads, or the first output
  const onnx::NodeProto* activation = nullptr;  ///< gives probabilities, or their logarithms
  /// Whether a softmax has one row for all dimensions from `axis` on.
  bool is_flat = false;
  std::int64_t axis = 0;
  /// From the activation to the first output, in order.
  std::vector<const onnx::NodeProto*> behind = {};
};

/// Finds a softmax (a LogSoftmax, or its parts Exp, ReduceSum and Div) or sigmoid that only
/// reshapes, casts, logarithms and clips that keep probabilities follow.
Ending ending_of(const File& file);

/// Whether logits skip a node that follows the activation: it is for probabilities.
bool is_for_probabilities(const onnx::NodeProto& node);

/// Whether a softmax compares the classes of each image, where its input has this shape.
bool is_over_classes(const Ending& ending, const Shape& shape, std::int64_t batch);
/// Whether it compares images with each other.
bool is_over_batch(const Ending& ending, std::size_t rank);

/// The layer that gives the logits: a Gemm, a Conv, or a MatMul whose bias may be added after it.
/// Throws Error that names another node.
const onnx::NodeProto& head_of(const File& file, const Ending& ending);

}  // namespace tessera::importer

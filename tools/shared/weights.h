// Reads PyTorch weights from files.
#pragma once

#include <optional>
#include <string>

#include "tessera/checkpoint.h"
#include "tessera/classifier.h"

namespace tessera::tools {

/// Initial weights: from a checkpoint or from a state_dict.
struct InitialWeights {
  std::string path;
  std::optional<Checkpoint> checkpoint;
  TensorFile state_dict;  ///< without a checkpoint
};
/// Reads a safetensors file. Throws Error that names it.
InitialWeights read_initial_weights(const std::string& path);

/// Copies the weights to a network. Throws Error that names the file and lists missing and
/// unexpected tensors and other shapes. With `new_head`, tensors that depend on the number of
/// classes may have another shape; the network then keeps its own.
void load_weights(InitialWeights weights, ImageClassifier& network, bool new_head);

}  // namespace tessera::tools

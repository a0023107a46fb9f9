// Weights of PyTorch from a file.
#pragma once

#include <optional>
#include <string>

#include "tessera/checkpoint.h"
#include "tessera/classifier.h"

namespace tessera::tools {

/// Weights to begin with: those of a network that was trained here, or of a state_dict.
struct InitialWeights {
  std::string path;
  std::optional<Checkpoint> checkpoint;
  TensorFile state_dict;  ///< where there is no checkpoint
};
/// Reads a safetensors file. Throws Error that names it.
InitialWeights read_initial_weights(const std::string& path);

/// Copies the weights to a network. Throws Error that names the file and lists what is missing,
/// unexpected or of another shape. With `new_head` what depends on the number of classes may have
/// another shape; there the network keeps its own.
void load_weights(InitialWeights weights, ImageClassifier& network, bool new_head);

}  // namespace tessera::tools

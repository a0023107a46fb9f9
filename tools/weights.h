// Weights of PyTorch from a file.
#pragma once

#include <string>

#include "tessera/network.h"

namespace tessera::tools {

/// Copies the tensors of a safetensors file of a state_dict to a network. Throws Error that names
/// the file and lists what is missing, unexpected or of another shape.
void load_weights(const std::string& path, Network& network);

}  // namespace tessera::tools

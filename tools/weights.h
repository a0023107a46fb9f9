// Weights of PyTorch from a file.
#pragma once

#include <string>

#include "tessera/network.h"

namespace tessera::tools {

/// Copies the tensors of a safetensors file of a state_dict to a network. Throws Error that names
/// the file and lists what is missing, unexpected or of another shape. With `new_head` what depends
/// on the number of classes may have another shape; there the network keeps its own.
void load_weights(const std::string& path, Network& network, bool new_head);

}  // namespace tessera::tools

// Weights of PyTorch from a file.
#pragma once

#include <optional>
#include <string>

#include "tessera/network.h"

namespace tessera::tools {

/// Copies the tensors of a safetensors file of a state_dict, or of a network that was trained here,
/// to a network. Throws Error that names
/// the file and lists what is missing, unexpected or of another shape. With `new_head` what depends
/// on the number of classes may have another shape; there the network keeps its own.
void load_weights(const std::string& path, Network& network, bool new_head);

/// How pixels became numbers for the network that a file holds; nothing of a state_dict.
std::optional<ImageOptions> pixels_of_weights(const std::string& path);

}  // namespace tessera::tools

// Finds out whether a file is a model.
#pragma once

#include <string>
#include <string_view>

#include "tessera/checkpoint.h"

namespace tessera::tools {

/// Whether a file is an ONNX file by its name, or safetensors by its first bytes.
bool looks_like_model(const std::string& path);

/// "is an image", "is a folder" or "is not a model"; empty if the file is a model, though it may be
/// damaged, does not exist, or has a format that the library names itself.
std::string why_no_model(const std::string& path);

/// Reads the checkpoint of an image classifier. For another kind of file, throws Error that says
/// what it is and what is `expected`.
Checkpoint read_model(const std::string& path, std::string_view expected);

}  // namespace tessera::tools

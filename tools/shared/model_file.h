// What a file is that stands where a model is expected.
#pragma once

#include <string>

#include "tessera/checkpoint.h"

namespace tessera::tools {

/// Whether a file is an ONNX file by its name, or safetensors by its first bytes.
bool looks_like_model(const std::string& path);

/// "is an image", "is a folder" or "is no model"; empty if the file is a model, though it may be
/// damaged, does not exist, or has a format that the library names itself.
std::string why_no_model(const std::string& path);

/// Reads a checkpoint. For a file that is something else the message says what it is, and what is
/// expected.
Checkpoint read_model(const std::string& path);

}  // namespace tessera::tools

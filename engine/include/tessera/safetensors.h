// The safetensors file format: named tensors and string metadata
// (https://github.com/huggingface/safetensors). Python's `safetensors` can read the written files.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "tessera/export.h"
#include "tessera/spec.h"

namespace tessera {

/// The content of a file.
struct TensorFile {
  /// A tensor: element type, shape and elements; the last dimension is contiguous in memory.
  struct Tensor {
    TensorSpec spec;
    std::vector<std::byte> bytes;
  };
  std::map<std::string, std::string> metadata;
  std::map<std::string, Tensor> tensors;
};

/// Reads a file; I64 is converted to i32. Throws Error that names the file and the problem: not
/// found, truncated, not safetensors, an unknown element type, inconsistent sizes, an integer of
/// more than 32 bits. Never returns a partial file.
TESSERA_API TensorFile read_safetensors(const std::string& path);
/// Writes a temporary file in the same folder, syncs and renames it, so that `path` always has the
/// complete old or new file. Throws Error on failure and leaves no temporary file.
TESSERA_API void write_safetensors(const std::string& path, const TensorFile& file);

}  // namespace tessera

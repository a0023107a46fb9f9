// The safetensors file format: named tensors and string metadata
// (https://github.com/huggingface/safetensors). Python's `safetensors` reads what this writes.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "tessera/export.h"
#include "tessera/spec.h"

namespace tessera {

/// What a file holds.
struct TensorFile {
  /// Element type, shape and elements, the last dimension first in memory.
  struct Tensor {
    TensorSpec spec;
    std::vector<std::byte> bytes;
  };
  std::map<std::string, std::string> metadata;
  std::map<std::string, Tensor> tensors;
};

/// I64 is read as i32. Throws Error that names the file and what is wrong with it: not found,
/// truncated, not safetensors, an unknown element type, sizes that do not add up, an integer of
/// more than 32 bits. Never loads half.
TESSERA_API TensorFile read_safetensors(const std::string& path);
/// Writes to a temporary name in the same folder, syncs and renames, so that `path` holds the old
/// or the new file, whole, whatever happens. Throws Error on failure and leaves nothing behind.
TESSERA_API void write_safetensors(const std::string& path, const TensorFile& file);

}  // namespace tessera

// The header of a safetensors file: what its JSON says, held against the size of the file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/spec.h"

namespace tessera {

/// An element type of the format, and the one that it is read as.
struct ElementType {
  std::string_view name;
  std::uint64_t bytes;  ///< of an element in the file
  DType dtype;
};

/// Where a tensor lies, in bytes from the end of the header.
struct HeaderEntry {
  std::string name;
  const ElementType* type = nullptr;
  TensorSpec spec;  ///< as it is read
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::vector<HeaderEntry> entries;  ///< in the order of the file
};

/// Returns what `text` says of a file with so many bytes behind the header. Time and memory grow
/// with the text alone. Throws Error for what is not JSON or not this format, and for tensors that
/// do not cover the bytes without overlap or hole.
SafetensorsHeader parse_safetensors_header(std::string_view text, std::uint64_t data_bytes);

/// A name out of a file as one short line.
std::string quoted_name(const std::string& name);

}  // namespace tessera

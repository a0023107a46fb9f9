// The header of a safetensors file, checked against the size of the file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/spec.h"

namespace tessera {

/// An element type of the format, and the type that it is converted to.
struct ElementType {
  std::string_view name;
  std::uint64_t bytes;  ///< of an element in the file
  DType dtype;
};

/// The position of a tensor, in bytes from the end of the header.
struct HeaderEntry {
  std::string name;
  const ElementType* type = nullptr;
  TensorSpec spec;  ///< after conversion
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::vector<HeaderEntry> entries;  ///< in the order of the file
};

/// Parses `text`, the header of a file with `data_bytes` bytes after it. Time and memory grow with
/// the text only. Throws Error if it is not JSON or not this format, or if the tensors do not cover
/// the bytes without overlap or hole.
SafetensorsHeader parse_safetensors_header(std::string_view text, std::uint64_t data_bytes);

/// Returns a name from a file as one short line.
std::string quoted_name(const std::string& name);

}  // namespace tessera

// The bytes of an IDX file.
#pragma once

#include "tests/data/files.h"

namespace tessera::tests {

inline Bytes idx_bytes(const std::vector<std::uint32_t>& shape, const Bytes& elements,
                       std::uint8_t type = 8) {
  Bytes bytes = {0, 0, type, static_cast<std::uint8_t>(shape.size())};
  for (std::uint32_t extent : shape)
    for (int shift = 24; shift >= 0; shift -= 8)
      bytes.push_back(static_cast<std::uint8_t>(extent >> shift));
  bytes.insert(bytes.end(), elements.begin(), elements.end());
  return bytes;
}

}  // namespace tessera::tests

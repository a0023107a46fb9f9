// The inverse of to_string(DType).
#pragma once

#include <optional>
#include <string_view>

#include "tessera/spec.h"

namespace tessera {

/// Returns the element type with this name, or nothing.
inline std::optional<DType> dtype_named(std::string_view name) {
  for (const DType dtype : {DType::f32, DType::i32, DType::u8})
    if (to_string(dtype) == name) return dtype;
  return {};
}

}  // namespace tessera

// The elements of a NumPy array, in file order, of any type and layout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/data/input_file.h"
#include "engine/data/npy_header.h"

namespace tessera::data {

/// Iterates over the elements in file order and computes the position of each.
class Places {
 public:
  /// `strides` has the stride of each axis of the shape.
  Places(const NpyHeader& header, std::vector<std::int64_t> strides);
  /// Returns the position of the next element, the sum of its indices times the strides.
  std::int64_t next();

 private:
  std::vector<std::int64_t> extents_, strides_, indices_;  ///< the fastest axis last
  std::int64_t place_ = 0;
};

/// Calls `take` with chunks of the array, a few thousand bytes each, in file order: whole elements,
/// in native byte order. Throws Error if more elements follow than the shape declares.
void for_each_part(InputFile& file, const NpyHeader& header,
                   const std::function<void(std::span<const std::uint8_t>)>& take);
/// The same for numeric elements (any kind but text), as double.
void for_each_number(InputFile& file, const NpyHeader& header,
                     const std::function<void(std::span<const double>)>& take);

}  // namespace tessera::data

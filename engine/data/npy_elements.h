// The elements of an array of NumPy, one after the other, in whatever type and order they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/data/input_file.h"
#include "engine/data/npy_header.h"

namespace tessera::data {

/// Goes over the elements in the order of the file and says where each belongs.
class Places {
 public:
  /// `strides` has a number for each axis of the shape: the distance of neighbors along it.
  Places(const NpyHeader& header, std::vector<std::int64_t> strides);
  /// The place of the next element, the sum of its indices times the strides.
  std::int64_t next();

 private:
  std::vector<std::int64_t> extents_, strides_, indices_;  ///< the fastest axis last
  std::int64_t place_ = 0;
};

/// Calls `take` with parts of the array, a few thousand bytes each, in the order of the file; whole
/// elements, in the machine's byte order. Throws Error when more follow than the shape says.
void for_each_part(InputFile& file, const NpyHeader& header,
                   const std::function<void(std::span<const std::uint8_t>)>& take);
/// The same for elements that are numbers (any kind but text), as double.
void for_each_number(InputFile& file, const NpyHeader& header,
                     const std::function<void(std::span<const double>)>& take);

}  // namespace tessera::data

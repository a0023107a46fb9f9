// Limits on computations during an import, since a file of a few bytes can declare constants of any
// size and loop over them.
#pragma once

#include <cstdint>
#include <string>

#include "tessera/spec.h"

namespace tessera::importer {

/// The largest rank of a tensor.
constexpr std::size_t most_dimensions = 32;
/// The most elements of a tensor, 4 TiB in float32.
constexpr std::int64_t most_elements = std::int64_t{1} << 40;
/// The largest kernel, stride, dilation, block size and similar. Products of two of them, or of one
/// with a dimension, fit in 63 bits.
constexpr std::int64_t most_setting = std::int64_t{1} << 20;

/// Throws Error that calls the tensor `what` if its shape exceeds these limits.
void check_shape(const std::string& what, const Shape& shape);

/// The budget of an import for known tensors.
class Budget {
 public:
  /// Counts elements that are read or computed. Throws Error if the total exceeds 2^26.
  void compute(std::int64_t elements);
  /// Checks elements that will be kept, without counting them. Throws Error if all kept elements
  /// would exceed 2^24 (128 MiB).
  void make(std::int64_t elements);
  /// Counts elements that are kept until the end of the import.
  void keep(std::int64_t elements);

 private:
  std::int64_t computed_ = 0, kept_ = 0;
};

}  // namespace tessera::importer

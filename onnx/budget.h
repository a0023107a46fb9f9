// Bounds of what is computed while a net is imported. A file of a few bytes can name constants of
// any size, and loops over them.
#pragma once

#include <cstdint>
#include <string>

#include "tessera/spec.h"

namespace tessera::importer {

/// The largest rank of a tensor.
constexpr std::size_t most_dimensions = 32;
/// The most elements of a tensor, 4 TiB in float32.
constexpr std::int64_t most_elements = std::int64_t{1} << 40;
/// The largest kernel, stride, dilation, block and the like. Products of two of them and of one
/// with a dimension fit into 63 bits.
constexpr std::int64_t most_setting = std::int64_t{1} << 20;

/// Throws Error that calls the tensor `what` when its shape exceeds these bounds.
void check_shape(const std::string& what, const Shape& shape);

/// What one import may use for known tensors.
class Budget {
 public:
  /// Counts elements that are read or computed. Throws Error at more than 2^26 in all.
  void compute(std::int64_t elements);
  /// The same for elements that are also to be kept; counts none of those. Throws Error when they
  /// would be more than 2^24 (128 MiB) with those that are kept.
  void make(std::int64_t elements);
  /// Counts elements that stay until the import ends.
  void keep(std::int64_t elements);

 private:
  std::int64_t computed_ = 0, kept_ = 0;
};

}  // namespace tessera::importer

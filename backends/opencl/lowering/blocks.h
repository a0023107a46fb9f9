// Memory that is shared out in blocks, none of them larger than the device allows.
#pragma once

#include <cstddef>
#include <vector>

namespace tessera::opencl {

/// The sizes of the blocks, and where the next bytes lie.
class Blocks {
 public:
  struct Place {
    std::size_t block;
    std::size_t offset;  ///< bytes from the start of the block
  };

  /// Takes `bytes`, at most `largest`, behind those taken before, in the next block where this one
  /// has no room.
  Place take(std::size_t bytes, std::size_t alignment, std::size_t largest);
  /// Starts again at the first block, whose bytes others take in turn.
  void rewind() { block_ = used_ = 0; }

  /// The bytes of each block.
  const std::vector<std::size_t>& sizes() const { return sizes_; }
  /// The bytes of all blocks.
  std::size_t all() const;

 private:
  std::vector<std::size_t> sizes_;
  std::size_t block_ = 0, used_ = 0;
};

}  // namespace tessera::opencl

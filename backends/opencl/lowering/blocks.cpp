#include "backends/opencl/lowering/blocks.h"

#include <algorithm>

#include "engine/base/checked_size.h"

namespace tessera::opencl {
namespace {

constexpr const char* memory = "the memory of a kernel";

}  // namespace

Blocks::Place Blocks::take(std::size_t bytes, std::size_t alignment, std::size_t largest) {
  if (checked_add(used_, bytes, memory) > largest) {
    ++block_;
    used_ = 0;
  }
  const Place place = {block_, used_};
  used_ = checked_add(used_, checked_round_up(bytes, alignment, memory), memory);
  sizes_.resize(std::max(sizes_.size(), block_ + 1));
  sizes_[block_] = std::max(sizes_[block_], std::min(used_, largest));
  return place;
}

std::size_t Blocks::all() const {
  std::size_t all = 0;
  for (std::size_t bytes : sizes_) all = checked_add(all, bytes, memory);
  return all;
}

}  // namespace tessera::opencl

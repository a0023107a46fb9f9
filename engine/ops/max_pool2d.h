// The windows of max_pool2d_windows, which the backends read from a node.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "tessera/attributes.h"

namespace tessera {

/// Along one axis: window p reads the elements begin[p], begin[p] + step, ... below end[p]; element
/// i is only in windows of [first[i], last[i]), but maybe not in all of them.
struct PoolTable {
  std::int64_t step;
  std::vector<std::int32_t> begin, end, first, last;
};

/// Returns the windows of rows and columns for an input of this size.
std::array<PoolTable, 2> max_pool2d_tables(const std::array<std::int64_t, 2>& input,
                                           const Attributes& attributes);

}  // namespace tessera

// How launches over many tensors share these out: in pieces, of which each work-group takes one.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/opencl/lowering/algorithm.h"

namespace tessera::opencl {

/// Elements in a piece of tensors with so many elements in all: on GPUs a few vectors for each
/// work-item, on CPUs a share of them.
inline std::int64_t piece_elements(const DeviceNode& l, std::int64_t all) {
  const auto group = static_cast<std::int64_t>(l.traits().work_group);
  if (!l.traits().is_cpu) return 8 * group * l.width();
  const std::int64_t work_items = 4 * std::int64_t{l.traits().compute_units};
  const std::int64_t share = std::max((all + work_items - 1) / work_items, 64 * l.width());
  return (share + l.width() - 1) / l.width() * l.width();
}

/// Where a value starts in its block of memory.
inline cl_int first_float(const DeviceNode& l, const Storage& storage) {
  return l.to_int(static_cast<std::int64_t>(storage.offset / sizeof(float)));
}

}  // namespace tessera::opencl

// The geometry of reductions, which the backends read from a node.
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/spec.h"

namespace tessera {

/// x [outer, reduce, inner] -> y [outer, inner].
struct ReducePass {
  std::int64_t outer, reduce, inner;
};

/// Returns the passes that reduce `shape` over `axes`, in order. Each pass reduces a run of
/// adjacent axes, the last run first. There is at least one pass, which may reduce nothing.
std::vector<ReducePass> reduce_passes(Shape shape, const std::vector<std::int64_t>& axes);

}  // namespace tessera

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

/// The passes that reduce `shape` over `axes`, in order: each takes a run of neighboring axes, the
/// last run first. There is at least one, which may reduce nothing.
std::vector<ReducePass> reduce_passes(Shape shape, const std::vector<std::int64_t>& axes);

}  // namespace tessera

// The mask of a dropout, which the backends read from a node. Lane l of Philox block b, with this
// key and the counter {b, 0, step, 0}, decides about element 4b + l: it is kept if the upper 24
// bits are at least the threshold.
#pragma once

#include <cstdint>

#include "tessera/attributes.h"

namespace tessera {

/// The state that counts training steps.
inline constexpr const char* step_name = "step";
/// The input that counts the runs of a graph that runs several times per step.
inline constexpr const char* draw_name = "draw";

struct DropoutMask {
  std::uint64_t key;
  std::uint32_t threshold;
  float scale;  ///< of kept elements
};

DropoutMask dropout_mask(const Attributes& attributes);

}  // namespace tessera

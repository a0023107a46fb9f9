// Whether the kernels of an algorithm can count the elements of a node's tensors, and how a node is
// run in pieces that they can.
#pragma once

#include <string>
#include <vector>

#include "backends/opencl/lowering/plan_lowering.h"

namespace tessera::opencl {

/// What became of a try to measure a node with an algorithm.
struct Attempt {
  std::string refusal;  ///< empty: the algorithm can run the node
  std::vector<Piece> pieces = {};
};

/// Throws TooLarge when a tensor has more elements, or for long offsets more rows of its last
/// dimension, than the kernels count to.
void check_elements(const DeviceNode& node, const Algorithm& algorithm);

/// Measures a node with an algorithm that does not refuse it. If a tensor or workspace is too large
/// for the kernels or the device, and the op computes each row of the first dimension alone, the
/// node is measured in pieces.
Attempt measure(PlanLowering& plan, NodeId node, const Algorithm& algorithm,
                const Parameters& parameters);

}  // namespace tessera::opencl

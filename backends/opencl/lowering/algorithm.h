// Each family's file exports a table: for every op an ordered list of algorithms, the plainest one
// last.
#pragma once

#include <vector>

#include "backends/common/algorithm_table.h"
#include "backends/opencl/lowering/launch_builder.h"

namespace tessera::opencl {

using Algorithm = BasicAlgorithm<DeviceNode, void(LaunchBuilder&)>;
using OpAlgorithms = BasicOpAlgorithms<Algorithm>;

/// An algorithm whose kernels have offsets of 64 bits. In 32 bits they count rows, work-items and
/// the elements of an image, which `lower` passes through DeviceNode::to_int.
constexpr Algorithm long_offsets(Algorithm algorithm) {
  algorithm.has_long_offsets = true;
  return algorithm;
}

/// The algorithm of every custom op.
Algorithm custom_op_algorithm();

// The tables of the families.
#define TESSERA_OP_FAMILY(name) std::vector<OpAlgorithms> name##_algorithms();
#include "op_kernels.inc"
#undef TESSERA_OP_FAMILY

/// The algorithms of every op; TESSERA_OPENCL_ALGORITHM has preferences.
class Algorithms : public AlgorithmTable<Algorithm> {
 public:
  Algorithms();
};

}  // namespace tessera::opencl

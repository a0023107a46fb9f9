#include "backends/opencl/lowering/algorithm.h"

namespace tessera::opencl {
namespace {

std::vector<OpAlgorithms> all_ops() {
  std::vector<OpAlgorithms> all;
#define TESSERA_OP_FAMILY(name) \
  for (OpAlgorithms & op : name##_algorithms()) all.push_back(std::move(op));
#include "op_kernels.inc"
#undef TESSERA_OP_FAMILY
  return all;
}

}  // namespace

Algorithms::Algorithms()
    : AlgorithmTable("OpenCL", "TESSERA_OPENCL_ALGORITHM", all_ops(), custom_op_algorithm()) {}

}  // namespace tessera::opencl

// What the files of the matrix product share.
#pragma once

#include "backends/opencl/lowering/algorithm.h"
#include "backends/opencl/ops/epilogue.h"
#include "engine/ops/matmul.h"

namespace tessera::opencl {

MatmulGeometry matmul_geometry_of(const DeviceNode& l);

// Large products on CPUs: cl_kernels/matmul_packed.cl.
std::string refuse_matmul_packed(const DeviceNode& l);
void lower_matmul_packed(LaunchBuilder& l);
std::vector<Parameters> matmul_packed_candidates(const DeviceNode& l);

}  // namespace tessera::opencl

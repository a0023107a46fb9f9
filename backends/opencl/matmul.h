// What the files of the matrix product share.
#pragma once

#include "backends/opencl/lowering.h"
#include "engine/ops/matmul.h"

namespace tessera::opencl {

MatmulGeometry matmul_geometry_of(const Lowering& l);
inline bool has_matmul_bias(const Lowering& l) { return l.input_count() == 3; }
inline cl::Buffer matmul_bias(Lowering& l) { return has_matmul_bias(l) ? l.input(2) : l.unused(); }

// Large products on CPUs: cl_kernels/matmul_packed.cl.
std::string refuse_matmul_packed(const Lowering& l);
void lower_matmul_packed(Lowering& l);

}  // namespace tessera::opencl

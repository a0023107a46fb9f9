// Reductions in pieces, for ops that end with one: cl_kernels/reduce.cl.
#pragma once

#include <string_view>

#include "backends/opencl/lowering/algorithm.h"
#include "engine/ops/reduce.h"

namespace tessera::opencl {

/// Into how many pieces to cut a pass, so that the device is busy.
std::int64_t piece_count(const DeviceNode& l, const ReducePass& pass);

/// What a launch knows of those before and after it: the first makes terms, the last finishes.
struct ReducePlace {
  bool first, last;
  double terms;
};

/// x [outer, reduce, inner] -> y [outer, pieces, inner] by a row of engine/formulas/reductions.h.
void launch_pieces(LaunchBuilder& l, std::string_view reduction, const ReducePass& pass,
                   std::int64_t pieces, const ReducePlace& place, const cl::Buffer& x,
                   const cl::Buffer& y);

}  // namespace tessera::opencl

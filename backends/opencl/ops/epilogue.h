// How the result of a product leaves its kernel: bias, residual and activation of its node, which
// may have none of them (engine/ops/epilogue.h).
#pragma once

#include "backends/opencl/lowering/algorithm.h"

namespace tessera::opencl {

struct Bias {
  cl::Buffer buffer;
  cl_int there;
};
Bias bias_of(LaunchBuilder& l);

/// For launches that put filters, input 1, and perhaps the bias in another order.
Prepacking filters_prepacking(LaunchBuilder& l, bool with_bias);

/// The arguments `residual` and `epilogue` of cl_kernels/common.h.
Epilogue epilogue_of(LaunchBuilder& l);
/// Nothing is added, nothing cut off: for sums that are parts of results.
Epilogue no_epilogue(LaunchBuilder& l);

}  // namespace tessera::opencl

// What the files of the convolution share.
#pragma once

#include "backends/opencl/lowering.h"
#include "engine/ops/conv2d.h"

namespace tessera::opencl {

Conv2dGeometry conv2d_geometry_of(const Lowering& l);
Conv2dGeometry conv2d_dx_geometry_of(const Lowering& l);
Conv2dGeometry conv2d_dw_geometry_of(const Lowering& l);

// As many groups as channels, one or several filters each: cl_kernels/conv2d_depthwise.cl.
std::string refuse_conv2d_depthwise(const Lowering& l);
void lower_conv2d_depthwise(Lowering& l);
std::string refuse_conv2d_dx_depthwise(const Lowering& l);
void lower_conv2d_dx_depthwise(Lowering& l);
std::string refuse_conv2d_dw_depthwise(const Lowering& l);
void lower_conv2d_dw_depthwise(Lowering& l);

}  // namespace tessera::opencl

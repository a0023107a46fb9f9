// What the files of the convolution share.
#pragma once

#include <algorithm>

#include "backends/opencl/lowering/algorithm.h"
#include "backends/opencl/ops/epilogue.h"
#include "engine/ops/conv2d.h"

namespace tessera::opencl {

#include "cl_kernels/params/conv2d_params.h"

Conv2dGeometry conv2d_geometry_of(const DeviceNode& l);
Conv2dGeometry conv2d_dx_geometry_of(const DeviceNode& l);
Conv2dGeometry conv2d_dw_geometry_of(const DeviceNode& l);

/// How a filter slides along rows or columns: result i takes, for tap t, position
/// base + i*stride + t*step of the other tensor; its weight is number first + t*next.
struct Axis {
  std::int64_t results, taps, base, stride, step, first, next;

  std::int64_t before() const { return std::max<std::int64_t>(0, -base); }
  std::int64_t after(std::int64_t size) const {
    return std::max<std::int64_t>(0,
                                  base + (results - 1) * stride + (taps - 1) * step - (size - 1));
  }
};

Axis forward_axis(std::int64_t results, std::int64_t taps, std::int64_t stride,
                  std::int64_t padding, std::int64_t dilation);

/// The inputs phase, phase + stride, ... each gather from the outputs with (input + padding -
/// tap*dilation) a multiple of the stride, which is every `next`th tap.
Axis gradient_axis(std::int64_t size, std::int64_t phase, std::int64_t taps, std::int64_t stride,
                   std::int64_t padding, std::int64_t dilation);

/// The filter slides over whole runs of columns and channels at once where they are neighbors.
inline bool merges(const Axis& w, std::int64_t groups) { return w.step == 1 && groups == 1; }

/// The tensor [N,H,W,C] that a filter slides over.
struct Source {
  cl::Buffer buffer;
  std::int64_t N, H, W, C;
};

struct Result {
  cl::Buffer y;
  std::int64_t base, n, p, q;  ///< strides; neighboring channels are neighbors
};

/// Weight (k,r,s,j) of a group is at base + group*group + k*k + r*r + s*s + j*j of the filter; tap
/// t = (r,s,j) of block b of `block` result channels, zeros past the last, is packed at
/// b*packed_block + t*packed_tap.
struct PackedFilters {
  std::int64_t block, blocks, groups, outs;  ///< blocks and result channels of a group
  std::int64_t R, S, run;                    ///< the sizes of r, s and j
  std::int64_t base, k, r, s, j, group;      ///< strides in the filter
  std::int64_t packed_block, packed_tap;
};

/// The weights, and behind those of all blocks the bias, zeros if the node has none.
cl::Buffer packed_filters(LaunchBuilder& l, const cl::Buffer& filter, const PackedFilters& p);

/// The source with zeros where taps would leave it and `room` floats to read after its end; itself
/// if there is need of neither, or nothing to read. Moves the axes' bases.
Source padded(LaunchBuilder& l, const Source& x, Axis& h, Axis& w, std::int64_t room = 0);

/// A filter along axes that stay inside of the source; `channels` of the source are in a group.
Conv2dSlideParams slide_params(const DeviceNode& l, const Source& x, const Axis& h, const Axis& w,
                               std::int64_t channels);

// One group, by tiles in local memory: cl_kernels/conv2d_local.cl. Constants, ready before any
// table is made.
struct LocalAlgorithms {
  Algorithm matrix_units, local;
};
extern const LocalAlgorithms conv2d_local, conv2d_dx_local, conv2d_dw_local;

// Sums over the pixels in blocks that stay in a CPU's cache: cl_kernels/conv2d_dw_blocked.cl.
std::string refuse_conv2d_dw_blocked(const DeviceNode& l);
void lower_conv2d_dw_blocked(LaunchBuilder& l);
std::vector<Parameters> dw_blocked_tiles(const DeviceNode& l);

// 1x1 filters as a matrix product, on CPUs: cl_kernels/conv2d_pointwise.cl.
std::string refuse_conv2d_pointwise(const DeviceNode& l);
void lower_conv2d_pointwise(LaunchBuilder& l);
std::string refuse_conv2d_dx_pointwise(const DeviceNode& l);
void lower_conv2d_dx_pointwise(LaunchBuilder& l);
std::vector<Parameters> pointwise_tiles(const DeviceNode& l);

// Few result channels, on CPUs, with vectors of pixels: cl_kernels/conv2d_planar.cl.
std::string refuse_conv2d_planar(const DeviceNode& l);
void lower_conv2d_planar(LaunchBuilder& l);
std::string refuse_conv2d_dx_planar(const DeviceNode& l);
void lower_conv2d_dx_planar(LaunchBuilder& l);
std::string refuse_conv2d_dw_planar(const DeviceNode& l);
void lower_conv2d_dw_planar(LaunchBuilder& l);
std::vector<Parameters> conv2d_planar_tiles(const DeviceNode& l);
std::vector<Parameters> conv2d_dx_planar_tiles(const DeviceNode& l);

// 3x3 filters by transformed tiles: cl_kernels/conv2d_winograd.cl.
std::string refuse_conv2d_winograd(const DeviceNode& l);
void lower_conv2d_winograd(LaunchBuilder& l);
std::vector<Parameters> conv2d_winograd_candidates(const DeviceNode& l);
std::string refuse_conv2d_dx_winograd(const DeviceNode& l);
void lower_conv2d_dx_winograd(LaunchBuilder& l);
std::vector<Parameters> conv2d_dx_winograd_candidates(const DeviceNode& l);
std::string refuse_conv2d_dw_winograd(const DeviceNode& l);
void lower_conv2d_dw_winograd(LaunchBuilder& l);
std::vector<Parameters> conv2d_dw_winograd_candidates(const DeviceNode& l);

// The same for GPUs: cl_kernels/conv2d_winograd_local.cl.
extern const Algorithm conv2d_winograd_local, conv2d_dx_winograd_local, conv2d_dw_winograd_local;

// As many groups as channels, one or several filters each: cl_kernels/conv2d_depthwise.cl.
std::string refuse_conv2d_depthwise(const DeviceNode& l);
void lower_conv2d_depthwise(LaunchBuilder& l);
std::string refuse_conv2d_dx_depthwise(const DeviceNode& l);
void lower_conv2d_dx_depthwise(LaunchBuilder& l);
std::string refuse_conv2d_dw_depthwise(const DeviceNode& l);
void lower_conv2d_dw_depthwise(LaunchBuilder& l);
/// Of the forward pass and the gradient of the input: pixels of a work-item.
std::vector<Parameters> depthwise_tiles(const DeviceNode& l);
/// Of the gradient of the filters: work-items of a compute unit.
std::vector<Parameters> depthwise_waves(const DeviceNode& l);

/// `depth` source channels of the `outs` result channels each; see the kernel file.
struct DepthwiseChannels {
  std::int64_t outs, depth, lane_mul, lane_div;
};

/// The weights of all taps, whole vectors of result channels with zeros past the last, then the
/// bias.
cl::Buffer packed_depthwise_weights(LaunchBuilder& l, const DepthwiseChannels& c, std::int64_t taps,
                                    std::int64_t vector);
/// dw of K filters, from part[pieces, taps, K in whole vectors].
void add_depthwise_parts(LaunchBuilder& l, const cl::Buffer& part, std::int64_t K,
                         std::int64_t taps, std::int64_t pieces, std::int64_t vector);

// The same with one filter a channel, on CPUs: cl_kernels/conv2d_depthwise_slide.cl.
std::string refuse_conv2d_slide(const DeviceNode& l);
void lower_conv2d_slide(LaunchBuilder& l);
std::string refuse_conv2d_dx_slide(const DeviceNode& l);
void lower_conv2d_dx_slide(LaunchBuilder& l);
std::string refuse_conv2d_dw_slide(const DeviceNode& l);
void lower_conv2d_dw_slide(LaunchBuilder& l);

}  // namespace tessera::opencl

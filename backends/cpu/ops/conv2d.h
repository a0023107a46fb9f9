// What the files of the convolution share: how outputs, taps and sources lie along one axis, and
// the padded copies of source rows.
#pragma once

#include "backends/cpu/lowering/variant.h"
#include "engine/ops/conv2d.h"

namespace TESSERA_CPU_NAMESPACE {

/// One axis of a sliding product. Output i lies at dst_first + i*dst_step and reads the source
/// positions i*src_step + first + m*step for m in [0, taps), each with filter row or column
/// tap_first + m*tap_step.
struct Axis {
  std::int64_t outputs, dst_first, dst_step, src_step;
  std::int64_t taps, first, step, tap_first, tap_step;

  /// The taps of output i whose source lies in [0, size).
  Range valid_taps(std::int64_t i, std::int64_t size) const;
  /// The source positions in [0, size) that a range of outputs reads, and those between.
  Range sources(Range outputs_read, std::int64_t size) const;
  /// The last source position any output reads.
  std::int64_t last() const { return (outputs - 1) * src_step + first + (taps - 1) * step; }
};

Axis forward_axis(std::int64_t outputs, std::int64_t taps, std::int64_t stride,
                  std::int64_t padding, std::int64_t dilation);
/// The gradient's outputs, the elements of dx, in one axis per phase of the stride.
std::vector<Axis> gradient_axes(std::int64_t size, std::int64_t taps, std::int64_t stride,
                                std::int64_t padding, std::int64_t dilation);

/// Columns of zeros to be added on each side so that no tap needs to be left out.
struct ColumnPadding {
  std::int64_t left = 0, right = 0;
  bool any() const { return left > 0 || right > 0; }
  void cover(const Axis& columns, std::int64_t size);
};

/// Copies `rows` rows of `columns` pixels of C floats with zeros on both sides.
void copy_padded(const float* from, std::int64_t rows, std::int64_t columns, std::int64_t C,
                 const ColumnPadding& padding, float* to);

inline Conv2dGeometry conv2d_geometry_of(const NodeView& node) {
  return conv2d_geometry(node.input_spec(0).shape, node.input_spec(1).shape,
                         node.output_spec(0).shape, node.attributes());
}
inline Conv2dGeometry conv2d_dx_geometry_of(const NodeView& node) {
  return conv2d_geometry(node.output_spec(0).shape, node.input_spec(1).shape,
                         node.input_spec(0).shape, node.attributes());
}
inline Conv2dGeometry conv2d_dw_geometry_of(const NodeView& node) {
  return conv2d_geometry(node.input_spec(0).shape, node.output_spec(0).shape,
                         node.input_spec(1).shape, node.attributes());
}

// Direct algorithms, which walk over channels-last rows; any geometry.
Step lower_conv2d_direct(const BoundNode& node);
Step lower_conv2d_dx_direct(const BoundNode& node);
Step lower_conv2d_dw_direct(const BoundNode& node);

// Vectors along a row of pixels instead of channels: better where there are few output channels.
std::string refuse_conv2d_planar(const DeviceNode& node);
std::string doubt_conv2d_planar(const DeviceNode& node);
Step lower_conv2d_planar(const BoundNode& node);
std::string refuse_conv2d_dx_planar(const DeviceNode& node);
std::string doubt_conv2d_dx_planar(const DeviceNode& node);
Step lower_conv2d_dx_planar(const BoundNode& node);

// 3x3 filters and strides of 1, with many channels.
std::string refuse_conv2d_winograd(const DeviceNode& node);
std::vector<Parameters> conv2d_winograd_candidates(const DeviceNode& node);
std::string doubt_conv2d_winograd(const DeviceNode& node);
Step lower_conv2d_winograd(const BoundNode& node);
std::string refuse_conv2d_dx_winograd(const DeviceNode& node);
std::vector<Parameters> conv2d_dx_winograd_candidates(const DeviceNode& node);
std::string doubt_conv2d_dx_winograd(const DeviceNode& node);
Step lower_conv2d_dx_winograd(const BoundNode& node);
std::string refuse_conv2d_dw_winograd(const DeviceNode& node);
std::vector<Parameters> conv2d_dw_winograd_candidates(const DeviceNode& node);
std::string doubt_conv2d_dw_winograd(const DeviceNode& node);
Step lower_conv2d_dw_winograd(const BoundNode& node);

// Depthwise convolutions: as many groups as channels, one or several filters each.
std::string refuse_conv2d_depthwise(const DeviceNode& node);
Step lower_conv2d_depthwise(const BoundNode& node);
std::string refuse_conv2d_dx_depthwise(const DeviceNode& node);
Step lower_conv2d_dx_depthwise(const BoundNode& node);
std::string refuse_conv2d_dw_depthwise(const DeviceNode& node);
Step lower_conv2d_dw_depthwise(const BoundNode& node);
// With one filter a channel and strides of 1.
std::string refuse_conv2d_slide(const DeviceNode& node);
Step lower_conv2d_slide(const BoundNode& node);
std::string refuse_conv2d_dx_slide(const DeviceNode& node);
Step lower_conv2d_dx_slide(const BoundNode& node);
std::string refuse_conv2d_dw_slide(const DeviceNode& node);
Step lower_conv2d_dw_slide(const BoundNode& node);
// What their files share.
inline constexpr double depthwise_flops_per_ns = 20;
std::string refuse_unless_depthwise(const Conv2dGeometry& g);
/// `pixels` pixels of C channels, each channel `times` times.
void repeat_channels(const float* from, std::int64_t pixels, std::int64_t C, std::int64_t times,
                     float* to);
/// Into how many sums the rows of dy go; one at least, for dw is 0 where there are none.
std::int64_t depthwise_dw_chunks(const Conv2dGeometry& g);
/// dw [K,taps] from `count` partial sums [taps,K], which are added up in the first.
void add_depthwise_partials(float* partials, std::int64_t count, std::int64_t taps, std::int64_t K,
                            float* dw);

}  // namespace TESSERA_CPU_NAMESPACE

// What the algorithms of the normalizations share.
#pragma once

#include "backends/opencl/lowering/algorithm.h"
#include "engine/ops/epilogue.h"
#include "engine/ops/normalization.h"

namespace tessera::opencl {

inline NormalizationGeometry normalization_geometry_of(const DeviceNode& l) {
  return normalization_geometry(l.input_spec(0), l.attributes());
}

inline cl_float eps_of(const DeviceNode& l) {
  return static_cast<cl_float>(l.attributes().number("eps"));
}

/// Input `i`, if it is there.
inline cl::Buffer input_or_unused(LaunchBuilder& l, bool there, std::size_t i) {
  return there ? l.input(i) : l.unused();
}

/// What follows a norm: a residual, input `residual` unless that is 0, and an activation.
inline Epilogue normalization_epilogue(LaunchBuilder& l, std::size_t residual) {
  const Clamp clamp = activation_clamp(l.attributes());
  return {.residual = input_or_unused(l, residual > 0, residual),
          .params = {.has_residual = residual > 0, .low = clamp.low, .high = clamp.high}};
}

/// Of the gradient's node.
struct Affine {
  cl_int there;
  cl::Buffer w, b;  ///< b where there is an activation
  explicit Affine(LaunchBuilder& l)
      : there(l.input_count() > 4),
        w(input_or_unused(l, l.input_count() > 4, 4)),
        b(input_or_unused(l, l.input_count() > 4, l.input_count() - 1)) {}
};

/// 1 / elements of a group, by which their sums are divided; 0 if the statistics are constant.
inline cl_float share_of_element(const DeviceNode& l, const NormalizationGeometry& g) {
  if (l.attributes().integer("constant_statistics") != 0) return 0;
  return 1.0f / static_cast<cl_float>(g.elements_of_group());
}

// Batch norm on CPUs: cl_kernels/normalization_stream.cl.
std::string refuse_stream(const DeviceNode& l);
void lower_batch_norm_stream(LaunchBuilder& l);
void lower_inference_stream(LaunchBuilder& l);
void lower_dx_stream(LaunchBuilder& l);

}  // namespace tessera::opencl

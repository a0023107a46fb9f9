// A node, and the device that is to run it: what an algorithm decides by.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "backends/common/node_view.h"
#include "backends/opencl/programs/defines.h"
#include "backends/opencl/runtime/cl.h"
#include "backends/opencl/runtime/traits.h"
#include "engine/base/checked_size.h"

namespace tessera::opencl {

class OpenclDevice;

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
inline std::size_t float_bytes(std::int64_t count) {
  return static_cast<std::size_t>(checked_mul(count, sizeof(float), "the memory of a kernel"));
}

class DeviceNode : public NodeView {
 public:
  DeviceNode(NodeView node, const OpenclDevice& device)
      : NodeView(std::move(node)), device_(&device) {}

  const Traits& traits() const;
  /// The units for the precision that was asked for; none: all products are in float32.
  MatrixUnits matrix_units() const;
  std::int64_t width() const { return static_cast<std::int64_t>(traits().float_width); }

  /// The macros every kernel file takes, for vectors of `width` lanes (0: the device's choice).
  Defines defines(std::size_t width = 0) const;
  /// Whether to write output `i` with non-temporal stores (store_output in common.h), because it is
  /// too large to stay in the cache until it is read.
  cl_int past_cache(std::size_t i) const;
  /// Kernels count in 32-bit integers. Throws TooLarge when a number does not fit.
  cl_int to_int(std::int64_t value) const;
  cl_int elements(const TensorSpec& spec) const { return to_int(spec.elements()); }

 private:
  const OpenclDevice* device_;
};

}  // namespace tessera::opencl

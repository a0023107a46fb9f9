#include "backends/opencl/lowering/device_node.h"

#include <limits>

#include "backends/opencl/runtime/device.h"
#include "backends/opencl/runtime/launch.h"

namespace tessera::opencl {

const Traits& DeviceNode::traits() const { return device_->traits(); }

MatrixUnits DeviceNode::matrix_units() const { return device_->matrix_units(); }

Defines DeviceNode::defines(std::size_t width) const { return common_defines(traits(), width); }

// A cache's other parts belong to what else is read and written, and to other cores.
cl_int DeviceNode::past_cache(std::size_t i) const {
  constexpr std::uint64_t part = 4;
  const std::uint64_t cache = traits().cache_bytes;
  return cache > 0 && output_spec(i).bytes() >= cache / part;
}

cl_int DeviceNode::to_int(std::int64_t value) const {
  if (value > std::numeric_limits<cl_int>::max() || value < std::numeric_limits<cl_int>::min())
    throw TooLarge(*this, fmt::format("a size or offset is {}, expected at most {}", value,
                                      std::numeric_limits<cl_int>::max()));
  return static_cast<cl_int>(value);
}

}  // namespace tessera::opencl

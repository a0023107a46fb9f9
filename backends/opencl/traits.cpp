#include "backends/opencl/traits.h"

#include <algorithm>

namespace tessera::opencl {

Traits query_traits(const cl::Device& device) {
  Traits traits;
  traits.is_cpu = (device.getInfo<CL_DEVICE_TYPE>() & CL_DEVICE_TYPE_CPU) != 0;
  traits.fma = (device.getInfo<CL_DEVICE_SINGLE_FP_CONFIG>() & CL_FP_FMA) != 0;
  traits.compute_units = std::max(1u, device.getInfo<CL_DEVICE_MAX_COMPUTE_UNITS>());
  traits.max_work_group = device.getInfo<CL_DEVICE_MAX_WORK_GROUP_SIZE>();
  const auto sizes = device.getInfo<CL_DEVICE_MAX_WORK_ITEM_SIZES>();
  for (std::size_t i = 0; i < 3 && i < sizes.size(); ++i) traits.max_work_items[i] = sizes[i];
  traits.base_alignment =
      std::max<std::size_t>(1, device.getInfo<CL_DEVICE_MEM_BASE_ADDR_ALIGN>() / 8);
  traits.global_memory = device.getInfo<CL_DEVICE_GLOBAL_MEM_SIZE>();
  traits.max_allocation = device.getInfo<CL_DEVICE_MAX_MEM_ALLOC_SIZE>();

  // A GPU work-item is one lane and wants 16-byte loads; on a CPU it is a thread with vectors.
  const std::size_t native = device.getInfo<CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT>();
  traits.float_width = !traits.is_cpu ? 4 : native >= 16 ? 16 : native >= 8 ? 8 : 4;
  const std::size_t most = std::min(traits.max_work_group, traits.max_work_items[0]);
  if (!traits.is_cpu)
    while (traits.work_group < 64 && 2 * traits.work_group <= most) traits.work_group *= 2;
  return traits;
}

DeviceType device_type(const cl::Device& device) {
  const cl_device_type type = device.getInfo<CL_DEVICE_TYPE>();
  if (type & CL_DEVICE_TYPE_CPU) return DeviceType::cpu;
  if (!(type & CL_DEVICE_TYPE_GPU)) return DeviceType::accelerator;
  return device.getInfo<CL_DEVICE_HOST_UNIFIED_MEMORY>() ? DeviceType::integrated_gpu
                                                         : DeviceType::discrete_gpu;
}

}  // namespace tessera::opencl

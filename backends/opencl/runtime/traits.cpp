#include "backends/opencl/runtime/traits.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "engine/base/machine.h"

namespace tessera::opencl {
namespace {

std::size_t narrowest_sub_group(const cl::Device& device) {
  constexpr cl_device_info sizes_of_sub_groups = 0x4108;  // CL_DEVICE_SUB_GROUP_SIZES_INTEL
  std::size_t sizes[8] = {}, bytes = 0;
  if (::clGetDeviceInfo(device(), sizes_of_sub_groups, sizeof sizes, sizes, &bytes) != CL_SUCCESS)
    return 0;
  return bytes == 0 ? 0 : *std::min_element(sizes, sizes + bytes / sizeof *sizes);
}

}  // namespace

std::uint64_t memory_bytes(const cl::Device& device) {
  const std::uint64_t found = device.getInfo<CL_DEVICE_GLOBAL_MEM_SIZE>();
  // Drivers of CPUs do not always see the limit of a control group.
  const bool is_cpu = (device.getInfo<CL_DEVICE_TYPE>() & CL_DEVICE_TYPE_CPU) != 0;
  return is_cpu ? std::min(found, read_machine().memory_bytes) : found;
}

Traits query_traits(const cl::Device& device) {
  Traits traits;
  traits.is_cpu = (device.getInfo<CL_DEVICE_TYPE>() & CL_DEVICE_TYPE_CPU) != 0;
  traits.fma = (device.getInfo<CL_DEVICE_SINGLE_FP_CONFIG>() & CL_FP_FMA) != 0;
  const cl::Platform platform(device.getInfo<CL_DEVICE_PLATFORM>());
  // PoCL compiles with clang for the processor. Other compilers claim clang's builtins too, but
  // end the process when they translate one to SPIR-V.
  traits.keeps_programs = traits.clang_builtins =
      platform.getInfo<CL_PLATFORM_NAME>() == "Portable Computing Language";
  traits.compute_units = std::max(1u, device.getInfo<CL_DEVICE_MAX_COMPUTE_UNITS>());
  traits.max_work_group = device.getInfo<CL_DEVICE_MAX_WORK_GROUP_SIZE>();
  const auto sizes = device.getInfo<CL_DEVICE_MAX_WORK_ITEM_SIZES>();
  for (std::size_t i = 0; i < 3 && i < sizes.size(); ++i) traits.max_work_items[i] = sizes[i];
  traits.base_alignment =
      std::max<std::size_t>(1, device.getInfo<CL_DEVICE_MEM_BASE_ADDR_ALIGN>() / 8);
  traits.cache_bytes = device.getInfo<CL_DEVICE_GLOBAL_MEM_CACHE_SIZE>();
  traits.local_memory = device.getInfo<CL_DEVICE_LOCAL_MEM_SIZE>();
  traits.global_memory = memory_bytes(device);
  traits.max_allocation = device.getInfo<CL_DEVICE_MAX_MEM_ALLOC_SIZE>();

  const std::string extensions = device.getInfo<CL_DEVICE_EXTENSIONS>();
  const auto has = [&](std::string_view name) { return extensions.find(name) != extensions.npos; };
  // Of the sub-groups Intel offers, the narrowest have the most registers for each work-item.
  if (has("cl_intel_required_subgroup_size")) traits.sub_group = narrowest_sub_group(device);
  if (has("cl_intel_subgroup_matrix_multiply_accumulate") && traits.sub_group > 0)
    traits.bf16_units = MatrixUnits::sub_group_bf16;
  constexpr cl_uint nvidia = 0x10DE;
  if (!traits.is_cpu && device.getInfo<CL_DEVICE_VENDOR_ID>() == nvidia) {
    traits.tf32_units = MatrixUnits::warp_tf32;
    traits.bf16_units = MatrixUnits::warp_bf16;
  }

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

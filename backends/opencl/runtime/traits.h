// What the backend needs to know of a device, as numbers and booleans (0: unsupported). Lowerings
// choose by these, never by the name of a vendor or driver, which only traits.cpp may look at.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/opencl/runtime/cl.h"
#include "tessera/device.h"

namespace tessera::opencl {

/// Units that multiply tiles of matrices in less than float32, by the names of gemm_tile.h.
enum class MatrixUnits : std::uint8_t { none, warp_tf32, warp_bf16, sub_group_bf16 };

struct Traits {
  bool is_cpu = false;
  bool fma = false;  ///< fused multiply-add in hardware
  /// The driver keeps compiled kernels on disk by itself, and compiles all of a program's once more
  /// when asked for its binary.
  bool keeps_programs = false;
  bool clang_builtins = false;  ///< whether kernels may use clang's own builtins
  std::uint32_t compute_units = 1;
  std::size_t float_width = 4;  ///< lanes of the vectors that kernels should use
  std::size_t work_group = 1;   ///< work-items in the groups of one-dimensional launches
  std::size_t max_work_group = 1;
  std::size_t sub_group = 0;  ///< lanes of the narrowest sub-groups that a kernel can ask for
  // Worth a try; OpenclDevice::set_matmul_precision() tries.
  MatrixUnits tf32_units = MatrixUnits::none;
  MatrixUnits bf16_units = MatrixUnits::none;
  std::size_t max_work_items[3] = {1, 1, 1};
  std::size_t base_alignment = 1;  ///< bytes to which sub-buffers must be aligned
  std::uint64_t cache_bytes = 0;   ///< of the last cache before memory
  std::uint64_t local_memory = 0;  ///< bytes of a work-group
  std::uint64_t global_memory = 0;
  std::uint64_t max_allocation = 0;
  /// Elements of a tensor to which kernels count in 32-bit integers. They round up to whole tiles
  /// and work-groups, so these are less than 2^31. Tests set fewer.
  std::int64_t most_elements = (std::int64_t{1} << 31) - (1 << 20);
};

/// Asks the device. Throws cl::Error when it does not answer.
Traits query_traits(const cl::Device& device);
DeviceType device_type(const cl::Device& device);
/// Its memory; of a CPU no more than this process may use.
std::uint64_t memory_bytes(const cl::Device& device);

}  // namespace tessera::opencl

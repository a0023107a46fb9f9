#include "backends/opencl/runtime/launch.h"

namespace tessera::opencl {

void check_range(const Range& range, const cl::Kernel& kernel, const cl::Device& device,
                 const Traits& traits, std::string_view name) {
  const auto fail = [&](std::string_view what, std::size_t found, std::size_t most) {
    throw Error("opencl",
                fmt::format("kernel '{}' has {} {}, expected at most {}", name, what, found, most));
  };
  std::size_t group = 1;
  for (std::size_t i = 0; i < 3; ++i) {
    if (range.local[i] > traits.max_work_items[i])
      fail("a work-group side of", range.local[i], traits.max_work_items[i]);
    group *= range.local[i];
  }
  const auto most = kernel.getWorkGroupInfo<CL_KERNEL_WORK_GROUP_SIZE>(device);
  if (group > most) fail("a work-group of", group, most);
  const auto local_bytes = kernel.getWorkGroupInfo<CL_KERNEL_LOCAL_MEM_SIZE>(device);
  const auto local_most = device.getInfo<CL_DEVICE_LOCAL_MEM_SIZE>();
  if (local_bytes > local_most) fail("local memory of", local_bytes, local_most);
}

}  // namespace tessera::opencl

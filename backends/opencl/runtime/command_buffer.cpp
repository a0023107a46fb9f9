#include "backends/opencl/runtime/command_buffer.h"

#include <string>

namespace tessera::opencl {
namespace {

bool can_record(const cl::Device& device) {
  const std::string extensions = device.getInfo<CL_DEVICE_EXTENSIONS>();
  // With the space: there are extensions of this extension.
  if ((extensions + " ").find("cl_khr_command_buffer ") == extensions.npos) return false;
  cl_device_command_buffer_capabilities_khr can = 0;
  cl_command_queue_properties required = 0;
  const auto ask = [&](cl_device_info what, auto& answer) {
    return ::clGetDeviceInfo(device(), what, sizeof answer, &answer, nullptr) == CL_SUCCESS;
  };
  return ask(CL_DEVICE_COMMAND_BUFFER_CAPABILITIES_KHR, can) &&
         (can & CL_COMMAND_BUFFER_CAPABILITY_SIMULTANEOUS_USE_KHR) != 0 &&
         ask(CL_DEVICE_COMMAND_BUFFER_REQUIRED_QUEUE_PROPERTIES_KHR, required) && required == 0;
}

}  // namespace

CommandBuffer::CommandBuffer(const cl::Device& device, cl::CommandQueue& queue,
                             const std::vector<const Launch*>& launches) {
  if (!can_record(device)) return;
  // cl.hpp returns an object or an id, depending on its version; an object converts from both.
  const cl::Platform platform(device.getInfo<CL_DEVICE_PLATFORM>());
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(
        ::clGetExtensionFunctionAddressForPlatform(platform(), name));
    return function != nullptr;
  };
  clCreateCommandBufferKHR_fn create = nullptr;
  clCommandNDRangeKernelKHR_fn add = nullptr;
  clFinalizeCommandBufferKHR_fn finalize = nullptr;
  if (!find(create, "clCreateCommandBufferKHR") || !find(add, "clCommandNDRangeKernelKHR") ||
      !find(finalize, "clFinalizeCommandBufferKHR") ||
      !find(enqueue_, "clEnqueueCommandBufferKHR") || !find(release_, "clReleaseCommandBufferKHR"))
    return;

  const cl_command_buffer_properties_khr properties[] = {CL_COMMAND_BUFFER_FLAGS_KHR,
                                                         CL_COMMAND_BUFFER_SIMULTANEOUS_USE_KHR, 0};
  cl_int status = CL_SUCCESS;
  handle_ = create(1, &queue(), properties, &status);
  for (std::size_t i = 0; i < launches.size() && status == CL_SUCCESS; ++i) {
    const Launch& launch = *launches[i];
    status = add(handle_, nullptr, nullptr, launch.kernel(), 3, nullptr, launch.global.get(),
                 launch.local.get(), 0, nullptr, nullptr, nullptr);
  }
  if (status == CL_SUCCESS) status = finalize(handle_);
  if (status != CL_SUCCESS && handle_) release_(std::exchange(handle_, nullptr));
}

CommandBuffer::~CommandBuffer() {
  if (handle_) release_(handle_);
}

void CommandBuffer::enqueue(cl::CommandQueue& queue) const {
  const cl_int status = enqueue_(1, &queue(), handle_, 0, nullptr, nullptr);
  if (status != CL_SUCCESS) throw cl::Error(status, "clEnqueueCommandBufferKHR");
}

}  // namespace tessera::opencl

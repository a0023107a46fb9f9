// Launches recorded once and enqueued together, by cl_khr_command_buffer. The extension is
// provisional, so whatever a driver cannot do of it is no error: launches go one by one then.
#pragma once

#include <utility>
#include <vector>

#include "backends/opencl/runtime/launch.h"

namespace tessera::opencl {

class CommandBuffer {
 public:
  /// Nothing is recorded.
  CommandBuffer() = default;
  /// Records the launches in their order, for `queue` and its like. Records nothing where the
  /// device cannot, or cannot enqueue a buffer again before its last run has ended.
  CommandBuffer(const cl::Device& device, cl::CommandQueue& queue,
                const std::vector<const Launch*>& launches);
  ~CommandBuffer();
  CommandBuffer(CommandBuffer&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)),
        enqueue_(other.enqueue_),
        release_(other.release_) {}
  CommandBuffer& operator=(CommandBuffer&&) = delete;

  explicit operator bool() const { return handle_ != nullptr; }
  /// Something must be recorded. Throws cl::Error.
  void enqueue(cl::CommandQueue& queue) const;

 private:
  cl_command_buffer_khr handle_ = nullptr;
  clEnqueueCommandBufferKHR_fn enqueue_ = nullptr;
  clReleaseCommandBufferKHR_fn release_ = nullptr;
};

}  // namespace tessera::opencl

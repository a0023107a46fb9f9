// The one place that includes the Khronos C++ headers; everything here is OpenCL 1.2.
#pragma once

#undef CL_TARGET_OPENCL_VERSION  // some distributions' pkg-config files set it
#define CL_TARGET_OPENCL_VERSION 120
#define CL_HPP_TARGET_OPENCL_VERSION 120
#define CL_HPP_MINIMUM_OPENCL_VERSION 120
#define CL_HPP_ENABLE_EXCEPTIONS
#define CL_ENABLE_BETA_EXTENSIONS  // newer headers hide cl_khr_command_buffer without it
#include <CL/opencl.hpp>

#include <fmt/format.h>

#include <memory>
#include <string_view>
#include <utility>

#include "tessera/error.h"

namespace tessera::opencl {

/// "CL_OUT_OF_RESOURCES" for -5.
std::string_view error_name(cl_int code);

/// Whether an error of OpenCL says that the device or the host has too little memory.
inline bool is_out_of_memory(cl_int code) {
  return code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_RESOURCES ||
         code == CL_OUT_OF_HOST_MEMORY;
}

/// Calls `f`; an OpenCL error in it becomes `[opencl] what: CL_NAME in clFunction`.
template <class F>
decltype(auto) checked(std::string_view what, F&& f) {
  try {
    return std::forward<F>(f)();
  } catch (const cl::Error& error) {
    const std::string message =
        fmt::format("{}: {} in {}", what, error_name(error.err()), error.what());
    if (is_out_of_memory(error.err())) throw OutOfMemory("opencl", message);
    throw Error("opencl", message);
  }
}

struct Completion;

/// Waits for commands without burning a core, as some drivers do. Reused, it allocates nothing.
class Waiter {
 public:
  Waiter();
  ~Waiter();
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  /// Sleeps until the command behind `event` has ended; its queue must have been flushed. Throws
  /// Error when the command failed.
  void wait(cl::Event& event, std::string_view what);

 private:
  std::unique_ptr<Completion> completion_;
};

/// The same, once.
inline void wait(cl::Event& event, std::string_view what) { Waiter().wait(event, what); }

}  // namespace tessera::opencl

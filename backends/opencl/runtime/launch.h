// A kernel with its arguments and ranges, made once and enqueued in every run.
#pragma once

#include <array>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "backends/opencl/runtime/cl.h"
#include "backends/opencl/runtime/traits.h"

namespace tessera::opencl {

struct Range {
  std::array<std::size_t, 3> global = {1, 1, 1};  ///< rounded up to whole work-groups
  std::array<std::size_t, 3> local = {1, 1, 1};
};

struct Launch {
  cl::Kernel kernel;
  cl::NDRange global;
  cl::NDRange local;

  void enqueue(cl::CommandQueue& queue, cl::Event* event = nullptr) const {
    queue.enqueueNDRangeKernel(kernel, cl::NullRange, global, local, nullptr, event);
  }
};

#include "cl_kernels/params/epilogue_params.h"

/// The parameters `residual` and `epilogue` of a kernel (cl_kernels/common.h).
struct Epilogue {
  cl::Buffer residual;
  EpilogueParams params;
};

/// Sets the parameters that one argument stands for, from `index` on; moves `index` behind them.
/// Structures (cl_kernels/params/) are passed by value.
template <class Argument>
void set_argument(cl::Kernel& kernel, cl_uint& index, const Argument& argument) {
  if constexpr (std::is_class_v<Argument> && std::is_aggregate_v<Argument>) {
    static_assert(std::is_standard_layout_v<Argument> && std::is_trivially_copyable_v<Argument>);
    static_assert(alignof(Argument) == 4 && sizeof(Argument) % 4 == 0,
                  "members of 4 bytes, which host and kernel lay out alike");
  }
  kernel.setArg(index++, argument);
}
inline void set_argument(cl::Kernel& kernel, cl_uint& index, const Epilogue& epilogue) {
  set_argument(kernel, index, epilogue.residual);
  set_argument(kernel, index, epilogue.params);
}
template <class Argument>
cl_uint parameter_count(const Argument&) {
  return std::is_same_v<Argument, Epilogue> ? 2 : 1;
}

/// Arguments whose number is not known to the compiler, those of a custom op.
using ArgumentList = std::vector<std::variant<cl::Buffer, cl_int, cl_float>>;
inline void set_argument(cl::Kernel& kernel, cl_uint& index, const ArgumentList& list) {
  for (const auto& argument : list)
    std::visit([&](const auto& a) { kernel.setArg(index++, a); }, argument);
}
inline cl_uint parameter_count(const ArgumentList& list) {
  return static_cast<cl_uint>(list.size());
}

/// Checks the work-group against the limits of device and kernel; throws Error.
void check_range(const Range& range, const cl::Kernel& kernel, const cl::Device& device,
                 const Traits& traits, std::string_view name);

/// `arguments` are buffers, structures of cl_kernels/params/, cl_int, cl_uint, cl_float, Epilogue
/// and ArgumentList, in the order of the kernel's parameters.
template <class... Arguments>
Launch make_launch(cl::Kernel kernel, const Range& range, const cl::Device& device,
                   const Traits& traits, std::string_view name, const Arguments&... arguments) {
  check_range(range, kernel, device, traits, name);
  const auto parameters = kernel.getInfo<CL_KERNEL_NUM_ARGS>();
  const cl_uint found = (0 + ... + parameter_count(arguments));
  if (parameters != found)
    throw Error("opencl",
                fmt::format("kernel '{}' takes {} arguments, found {}", name, parameters, found));
  cl_uint index = 0;
  (set_argument(kernel, index, arguments), ...);
  const auto whole = [&](std::size_t i) {
    return (range.global[i] + range.local[i] - 1) / range.local[i] * range.local[i];
  };
  return {std::move(kernel), cl::NDRange(whole(0), whole(1), whole(2)),
          cl::NDRange(range.local[0], range.local[1], range.local[2])};
}

}  // namespace tessera::opencl

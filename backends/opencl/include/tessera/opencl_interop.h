// Devices on an application's own OpenCL context and queue, and executables that read and write the
// application's buffers in place. Installed if the library has the OpenCL backend. A program that
// includes it needs OpenCL's C headers, and sets their version with CL_TARGET_OPENCL_VERSION.
#pragma once

#include <CL/cl.h>

#include <map>
#include <memory>
#include <string>

#include "tessera/device.h"
#include "tessera/params.h"

namespace tessera::opencl {

/// Opens the device of a queue, in the context of the queue. All work of the device goes through
/// the queue, in order: a run sees what the application enqueued before, and what the application
/// enqueues afterwards sees the results, so neither has to wait. Staging copies of inputs that are
/// set with Executable::set_input use another queue, which the device creates. The queue is
/// retained. Throws Error if it is an out-of-order queue or its device has no OpenCL 1.2.
/// Device::set_profiling needs a queue with CL_QUEUE_PROFILING_ENABLE.
TESSERA_API std::unique_ptr<Device> open_device(cl_command_queue queue);

/// Buffers of the application, by name of the input or output. They belong to the device's context
/// and are at least as large as the tensor. Elements are dense; the last dimension is contiguous.
/// Each buffer is for one tensor.
struct Bindings {
  std::map<std::string, cl_mem> inputs = {};
  std::map<std::string, cl_mem> outputs = {};
};

/// Compiles like Device::compile, with buffers of the application as inputs and outputs: kernels
/// read and write them, and nothing is copied. The executable retains them. Each run reads the
/// inputs as they are at that time; they cannot be set with Executable::set_input. To use other
/// buffers, compile again; kernels are cached. Throws Error if a name or a buffer does not match,
/// or if an output has no memory of its own because it is a view of an input, a parameter or a
/// state.
TESSERA_API std::unique_ptr<Executable> compile(Device& device, const Plan& plan, Params& params,
                                                const Bindings& bindings);

}  // namespace tessera::opencl

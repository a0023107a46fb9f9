// A device on an application's own OpenCL context and queue, and executables that read and write
// the application's buffers in place. Installed where the library has the OpenCL backend. The
// program that includes it needs OpenCL's C headers, and says which version of them with
// CL_TARGET_OPENCL_VERSION.
#pragma once

#include <CL/cl.h>

#include <map>
#include <memory>
#include <string>

#include "tessera/device.h"
#include "tessera/params.h"

namespace tessera::opencl {

/// Opens the device of a queue, in the context of that queue. All work of the device goes through
/// it, in order: a run sees what the application enqueued on it before, and what the application
/// enqueues afterwards sees the results, so that neither has to wait. Staging copies of inputs that
/// are set with Executable::set_input use another queue, which the device makes. The queue is
/// retained. Throws Error when it is an out-of-order queue or its device has no OpenCL 1.2.
/// Device::set_profiling needs a queue that was made with CL_QUEUE_PROFILING_ENABLE.
TESSERA_API std::unique_ptr<Device> open_device(cl_command_queue queue);

/// Buffers of the application, by name of the input or output: of the device's context, at least as
/// large as the tensor, whose elements are dense with the last dimension first in memory. Each
/// buffer stands for one tensor.
struct Bindings {
  std::map<std::string, cl_mem> inputs = {};
  std::map<std::string, cl_mem> outputs = {};
};

/// Device::compile with buffers of the application in the place of inputs and outputs: kernels read
/// and write these, nothing is copied. The executable retains them. Inputs are read in each run as
/// they are then; they cannot be set with Executable::set_input. For other buffers compile again:
/// kernels are kept. Throws Error when a name or a buffer does not fit, or when an output has no
/// memory of its own since it is an input, a parameter or a state under another shape.
TESSERA_API std::unique_ptr<Executable> compile(Device& device, const Plan& plan, Params& params,
                                                const Bindings& bindings);

}  // namespace tessera::opencl

#include "backends/opencl/runtime/recorder.h"

#include <algorithm>
#include <utility>

namespace tessera::opencl {

void Recorder::enqueue(NodeId node, const Launch& launch, cl::CommandQueue& queue) {
  cl::Event event;
  launch.enqueue(queue, &event);
  commands_.push_back({node, launch.kernel, {}, Queue::compute, {}, event});
}

std::vector<ProfileRecord> Recorder::take(double clock) {
  std::vector<ProfileRecord> records;
  const auto seconds = [&](cl_ulong nanoseconds) {
    return clock + 1e-9 * static_cast<double>(nanoseconds);
  };
  checked("profile", [&] {
    for (const Command& c : std::exchange(commands_, {})) {
      const cl_ulong start = c.before() ? c.before.getProfilingInfo<CL_PROFILING_COMMAND_END>()
                                        : c.event.getProfilingInfo<CL_PROFILING_COMMAND_START>();
      const cl_ulong end = c.event.getProfilingInfo<CL_PROFILING_COMMAND_END>();
      records.push_back({c.node, c.kernel() ? c.kernel.getInfo<CL_KERNEL_FUNCTION_NAME>() : c.work,
                         c.queue, seconds(start), seconds(std::max(start, end))});
    }
  });
  std::stable_sort(records.begin(), records.end(),
                   [](const auto& a, const auto& b) { return a.start < b.start; });
  return records;
}

}  // namespace tessera::opencl

#include "backends/opencl/cl.h"

#include <condition_variable>
#include <mutex>

namespace tessera::opencl {
namespace {

struct Completion {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  cl_int status = CL_COMPLETE;
};

void CL_CALLBACK complete(cl_event, cl_int status, void* data) {
  auto& completion = *static_cast<Completion*>(data);
  // Notified under the lock: the waiting thread destroys the object as soon as it has the lock.
  const std::lock_guard lock(completion.mutex);
  completion.done = true;
  completion.status = status;
  completion.changed.notify_one();
}

}  // namespace

std::string_view error_name(cl_int code) {
  static constexpr struct {
    cl_int code;
    std::string_view name;
  } names[] = {
#define TESSERA_CL_ERROR(name) {name, #name}
      TESSERA_CL_ERROR(CL_DEVICE_NOT_FOUND),
      TESSERA_CL_ERROR(CL_DEVICE_NOT_AVAILABLE),
      TESSERA_CL_ERROR(CL_COMPILER_NOT_AVAILABLE),
      TESSERA_CL_ERROR(CL_MEM_OBJECT_ALLOCATION_FAILURE),
      TESSERA_CL_ERROR(CL_OUT_OF_RESOURCES),
      TESSERA_CL_ERROR(CL_OUT_OF_HOST_MEMORY),
      TESSERA_CL_ERROR(CL_MEM_COPY_OVERLAP),
      TESSERA_CL_ERROR(CL_BUILD_PROGRAM_FAILURE),
      TESSERA_CL_ERROR(CL_MAP_FAILURE),
      TESSERA_CL_ERROR(CL_MISALIGNED_SUB_BUFFER_OFFSET),
      TESSERA_CL_ERROR(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
      TESSERA_CL_ERROR(CL_KERNEL_ARG_INFO_NOT_AVAILABLE),
      TESSERA_CL_ERROR(CL_INVALID_VALUE),
      TESSERA_CL_ERROR(CL_INVALID_DEVICE_TYPE),
      TESSERA_CL_ERROR(CL_INVALID_PLATFORM),
      TESSERA_CL_ERROR(CL_INVALID_DEVICE),
      TESSERA_CL_ERROR(CL_INVALID_CONTEXT),
      TESSERA_CL_ERROR(CL_INVALID_QUEUE_PROPERTIES),
      TESSERA_CL_ERROR(CL_INVALID_COMMAND_QUEUE),
      TESSERA_CL_ERROR(CL_INVALID_HOST_PTR),
      TESSERA_CL_ERROR(CL_INVALID_MEM_OBJECT),
      TESSERA_CL_ERROR(CL_INVALID_BINARY),
      TESSERA_CL_ERROR(CL_INVALID_BUILD_OPTIONS),
      TESSERA_CL_ERROR(CL_INVALID_PROGRAM),
      TESSERA_CL_ERROR(CL_INVALID_PROGRAM_EXECUTABLE),
      TESSERA_CL_ERROR(CL_INVALID_KERNEL_NAME),
      TESSERA_CL_ERROR(CL_INVALID_KERNEL_DEFINITION),
      TESSERA_CL_ERROR(CL_INVALID_KERNEL),
      TESSERA_CL_ERROR(CL_INVALID_ARG_INDEX),
      TESSERA_CL_ERROR(CL_INVALID_ARG_VALUE),
      TESSERA_CL_ERROR(CL_INVALID_ARG_SIZE),
      TESSERA_CL_ERROR(CL_INVALID_KERNEL_ARGS),
      TESSERA_CL_ERROR(CL_INVALID_WORK_DIMENSION),
      TESSERA_CL_ERROR(CL_INVALID_WORK_GROUP_SIZE),
      TESSERA_CL_ERROR(CL_INVALID_WORK_ITEM_SIZE),
      TESSERA_CL_ERROR(CL_INVALID_GLOBAL_OFFSET),
      TESSERA_CL_ERROR(CL_INVALID_EVENT_WAIT_LIST),
      TESSERA_CL_ERROR(CL_INVALID_EVENT),
      TESSERA_CL_ERROR(CL_INVALID_OPERATION),
      TESSERA_CL_ERROR(CL_INVALID_BUFFER_SIZE),
      TESSERA_CL_ERROR(CL_INVALID_GLOBAL_WORK_SIZE),
      TESSERA_CL_ERROR(CL_INVALID_PROPERTY),
#undef TESSERA_CL_ERROR
      {-1001, "CL_PLATFORM_NOT_FOUND_KHR"},
  };
  for (const auto& entry : names)
    if (entry.code == code) return entry.name;
  return "an unknown OpenCL error";
}

void wait(cl::Event& event, std::string_view what) {
  Completion completion;
  // Some implementations forget callbacks for commands that have ended.
  completion.status =
      checked(what, [&] { return event.getInfo<CL_EVENT_COMMAND_EXECUTION_STATUS>(); });
  completion.done = completion.status <= CL_COMPLETE;
  if (!completion.done)
    checked(what, [&] { event.setCallback(CL_COMPLETE, complete, &completion); });
  std::unique_lock lock(completion.mutex);
  completion.changed.wait(lock, [&] { return completion.done; });
  if (completion.status < 0)
    throw Error("opencl", fmt::format("{}: {}", what, error_name(completion.status)));
}

}  // namespace tessera::opencl

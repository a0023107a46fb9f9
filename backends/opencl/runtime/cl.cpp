#include "backends/opencl/runtime/cl.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace tessera::opencl {

struct Completion {
  std::mutex mutex;
  std::condition_variable changed;
  bool called = false;
  bool abandoned = false;  ///< the waiter has gone; the callback, should it come, deletes this
};

namespace {

void CL_CALLBACK complete(cl_event, cl_int, void* data) {
  auto& completion = *static_cast<Completion*>(data);
  std::unique_ptr<Completion> abandoned;  // goes after the lock
  // Notified under the lock: the waiting thread may destroy the object as soon as it has the lock.
  const std::lock_guard lock(completion.mutex);
  completion.called = true;
  completion.changed.notify_one();
  if (completion.abandoned) abandoned.reset(&completion);
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

Waiter::Waiter() : completion_(std::make_unique<Completion>()) {}
Waiter::~Waiter() = default;

void Waiter::wait(cl::Event& event, std::string_view what) {
  const auto status = [&] {
    return checked(what, [&] { return event.getInfo<CL_EVENT_COMMAND_EXECUTION_STATUS>(); });
  };
  cl_int found = status();
  if (found > CL_COMPLETE) {
    if (!completion_) completion_ = std::make_unique<Completion>();
    completion_->called = false;
    checked(what, [&] { event.setCallback(CL_COMPLETE, complete, completion_.get()); });
    std::unique_lock lock(completion_->mutex);
    // Some drivers forget callbacks for commands that have ended, so the status is asked for too.
    while (!completion_->called && found > CL_COMPLETE) {
      completion_->changed.wait_for(lock, std::chrono::milliseconds(10));
      lock.unlock();  // a driver may call back from within the question
      found = status();
      lock.lock();
    }
    if (!completion_->called) {
      completion_->abandoned = true;
      completion_.release();  // to the callback; lost if that never comes
    }
  }
  if (found < 0) throw Error("opencl", fmt::format("{}: {}", what, error_name(found)));
}

}  // namespace tessera::opencl

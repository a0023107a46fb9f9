// Waiting for commands with drivers that forget to call back, or do so late: the function that asks
// for the call is replaced by one of the test's.
#include <dlfcn.h>
#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "tests/opencl/allocations.h"
#include "tests/opencl/devices.h"

namespace {

using Callback = void(CL_CALLBACK*)(cl_event, cl_int, void*);

struct Interception {
  bool active = false;
  Callback callback = nullptr;  ///< what would have been called, with `data`
  void* data = nullptr;
};

Interception& interception() {
  static Interception of_program;
  return of_program;
}

}  // namespace

extern "C" cl_int clSetEventCallback(cl_event event, cl_int type, Callback callback, void* data) {
  if (interception().active) {
    interception() = {true, callback, data};
    return CL_SUCCESS;
  }
  using Function = cl_int(cl_event, cl_int, Callback, void*);
  auto* const real = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, "clSetEventCallback"));
  return real(event, type, callback, data);
}

namespace tessera::opencl {

TEST_CASE("a wait ends although the driver forgets to call back, or does so late") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    Waiter waiter;
    for (int i = 0; i < 3; ++i) {
      cl::UserEvent event(device->context());
      interception() = {true, nullptr, nullptr};
      std::jthread command([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        event.setStatus(CL_COMPLETE);
      });
      waiter.wait(event, "test");
      interception().active = false;
      if (interception().callback)
        interception().callback(event(), CL_COMPLETE, interception().data);
    }
  }
}

TEST_CASE("a failed command is an error for who waits, and waits allocate nothing") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    Waiter waiter;
    const auto wait_for = [&](cl_int status) {
      cl::UserEvent event(device->context());
      std::jthread command([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        event.setStatus(status);
      });
      const std::int64_t before = allocations().count;
      waiter.wait(event, "test");
      return allocations().count - before;
    };
    CHECK(wait_for(CL_COMPLETE) == 0);
    CHECK(wait_for(CL_COMPLETE) == 0);
    CHECK_THROWS_WITH_AS(wait_for(CL_OUT_OF_RESOURCES),
                         doctest::Contains("test: CL_OUT_OF_RESOURCES"), Error);
  }
}

}  // namespace tessera::opencl

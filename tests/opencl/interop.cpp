// A device on a context, a queue and buffers that belong to an application.
#include "tessera/opencl_interop.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "tessera/ops.h"
#include "tests/opencl/devices.h"
#include "tests/refusal.h"

namespace tessera::opencl {
namespace {

constexpr std::size_t count = 3 * 5 * 7 * 2;
constexpr const char* source = R"(
__kernel void ramp(__global float* x, float first) {
  const int i = get_global_id(0);
  x[i] = first + i;
}
__kernel void add_one(__global float* x) { x[get_global_id(0)] += 1.0f; }
)";

/// What an application has before it meets the library.
struct Application {
  cl::Device device;
  cl::Context context;
  cl::CommandQueue queue;
  cl::Program program;
  cl::Buffer x, y;

  explicit Application(const std::string& id, cl_command_queue_properties properties = 0)
      : device(open_opencl(id)->cl_device()),
        context(device),
        queue(context, device, properties),
        program(context, source, true),
        x(buffer()),
        y(buffer()) {}

  cl::Buffer buffer(std::size_t floats = count, cl_mem_flags flags = CL_MEM_READ_WRITE) const {
    return {context, flags, floats * sizeof(float)};
  }

  void ramp(float first) {
    cl::Kernel kernel(program, "ramp");
    kernel.setArg(0, x);
    kernel.setArg(1, first);
    queue.enqueueNDRangeKernel(kernel, cl::NullRange, cl::NDRange(count));
  }

  void add_one() {
    cl::Kernel kernel(program, "add_one");
    kernel.setArg(0, y);
    queue.enqueueNDRangeKernel(kernel, cl::NullRange, cl::NDRange(count));
  }

  std::vector<float> read_y() {
    std::vector<float> values(count);
    queue.enqueueReadBuffer(y, CL_TRUE, 0, count * sizeof(float), values.data());
    return values;
  }
};

/// y = 2 |x| and z, a view of the input.
Graph doubled() {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {3, 5, 7, 2}});
  graph.set_output("y", mul(abs(x), graph.constant({1}, 2)));
  graph.set_output("z", reshape(x, {count}));
  return graph;
}

TEST_CASE("runs read and write the application's buffers, in the order of its queue") {
  for (const std::string& id : usable_ids()) {
    CAPTURE(id);
    Application app(id);
    const auto device = open_device(app.queue());
    CHECK(device->info().id == id);
    CHECK(static_cast<OpenclDevice&>(*device).context()() == app.context());
    const auto used = app.x.getInfo<CL_MEM_REFERENCE_COUNT>();
    Params params(*device);
    const auto executable = compile(*device, Plan(doubled(), device->plan_options()), params,
                                    {.inputs = {{"x", app.x()}}, .outputs = {{"y", app.y()}}});
    CHECK(app.x.getInfo<CL_MEM_REFERENCE_COUNT>() > used);
    CHECK(executable->memory().staging == 0);
    for (float first : {-3.0f, 11.0f, -100.0f}) {  // nobody waits between these
      app.ramp(first);
      executable->run();
      app.add_one();
      const std::vector<float> y = app.read_y();
      std::vector<float> by_library(count);
      executable->read_output("y", std::as_writable_bytes(std::span(by_library)));
      CHECK(by_library == y);
      for (std::size_t i = 0; i < count; ++i)
        CHECK(y[i] == 2 * std::abs(first + static_cast<float>(i)) + 1);
    }
    CHECK(refusal([&] { executable->set_input("x", std::vector<std::byte>(4 * count)); }) ==
          "[opencl] input 'x' is bound to a buffer of the application");
  }
}

TEST_CASE("nothing is copied between the application's buffers and the kernels") {
  for (const std::string& id : usable_ids()) {
    Application app(id, CL_QUEUE_PROFILING_ENABLE);
    const auto device = open_device(app.queue());
    device->set_profiling(true);
    Params params(*device);
    const auto executable = compile(*device, Plan(doubled(), device->plan_options()), params,
                                    {.inputs = {{"x", app.x()}}, .outputs = {{"y", app.y()}}});
    app.ramp(0);
    executable->run();
    for (const ProfileRecord& record : executable->take_records()) {
      CAPTURE(record.work);
      CHECK(record.node != no_node);
      CHECK(record.queue == Queue::compute);
    }
    CHECK(app.read_y()[5] == 10);
  }
}

TEST_CASE("queues and buffers that do not fit are refused") {
  CHECK(refusal([] { open_device(cl_command_queue{}); }) ==
        "[device] the queue of the application is null");
  for (const std::string& id : usable_ids()) {
    Application app(id), other(id);
    const auto device = open_device(app.queue());
    Params params(*device);
    const auto refused = [&](const Bindings& bindings) {
      return refusal(
          [&] { compile(*device, Plan(doubled(), device->plan_options()), params, bindings); });
    };
    CHECK(refused({.inputs = {{"w", app.x()}}}) ==
          "[opencl] there is no input 'w' to bind a buffer to");
    CHECK(refused({.outputs = {{"x", app.x()}}}) ==
          "[opencl] there is no output 'x' to bind a buffer to");
    CHECK(refused({.outputs = {{"z", app.x()}}}) ==
          "[opencl] output 'z' is 'x' itself, which has memory already");
    CHECK(refused({.inputs = {{"x", app.x()}}, .outputs = {{"y", app.x()}}}) ==
          "[opencl] output 'y' shares its memory with another that is bound");
    CHECK(refused({.inputs = {{"x", nullptr}}}) == "[opencl] input 'x' is bound to no buffer");
    CHECK(refused({.inputs = {{"x", other.x()}}}) ==
          "[opencl] input 'x' is bound to a buffer of another context");
    const cl::Buffer small = app.buffer(count - 1);
    CHECK(refused({.inputs = {{"x", small()}}}) ==
          "[opencl] input 'x' is bound to a buffer of 836 bytes, f32[3,5,7,2] has 840");
    const cl::Buffer constant = app.buffer(count, CL_MEM_READ_ONLY);
    CHECK(refused({.outputs = {{"y", constant()}}}) ==
          "[opencl] output 'y' is bound to a buffer that kernels may not write");
    CHECK(refused({.inputs = {{"x", constant()}}, .outputs = {{"y", app.y()}}}).empty());
    CHECK(refusal([&] { device->set_profiling(true); }) ==
          "[" + id + "] the application's queue was made without CL_QUEUE_PROFILING_ENABLE");
    const auto cpu = tessera::open_device("cpu");
    Params on_cpu(*cpu);
    CHECK(refusal([&] { compile(*cpu, Plan(doubled()), on_cpu, {}); }) ==
          "[opencl] buffers cannot be bound on device cpu, expected an OpenCL device");
    if (app.device.getInfo<CL_DEVICE_QUEUE_PROPERTIES>() & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) {
      const Application unordered(id, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
      CHECK(refusal([&] {
              open_device(unordered.queue());
            }).ends_with("the queue is out of order, expected one that keeps the order"));
    }
  }
}

}  // namespace
}  // namespace tessera::opencl

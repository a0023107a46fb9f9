// Launches that are recorded together: in their order, and again before the last run has ended.
#include "backends/opencl/runtime/command_buffer.h"

#include <doctest/doctest.h>

#include "tests/opencl/devices.h"

namespace tessera::opencl {
namespace {

bool has_command_buffers(OpenclDevice& device) {
  const auto extensions = device.cl_device().getInfo<CL_DEVICE_EXTENSIONS>() + " ";
  return extensions.find("cl_khr_command_buffer ") != extensions.npos;
}

TEST_CASE("recorded launches keep their order, run after run") {
  for (const std::string& id : usable_ids()) {
    CAPTURE(id);
    const auto device = open_opencl(id);
    constexpr std::size_t n = 1000;
    std::vector<float> x(n);
    for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<float>(i % 7);
    const auto a = device->allocate(4 * n), b = device->allocate(4 * n);
    const auto launch = [&](Buffer& from, Buffer& to) {  // 2 x + 1
      const Defines defines = Defines()
                                  .set("LOCAL", device->traits().work_group)
                                  .set("USE_FMA", int{device->traits().fma});
      return make_launch(device->programs().kernel("probe.cl", defines, "probe"),
                         {{n, 1, 1}, {device->traits().work_group, 1, 1}}, device->cl_device(),
                         device->traits(), "probe", static_cast<OpenclBuffer&>(from).cl_buffer(),
                         static_cast<OpenclBuffer&>(to).cl_buffer(), static_cast<cl_int>(n),
                         cl_int{1});
    };
    const Launch there = launch(*a, *b), back = launch(*b, *a);
    CommandBuffer recorded(device->cl_device(), device->compute_queue(), {&there, &back});
    if (!recorded) {
      CHECK_MESSAGE(!has_command_buffers(*device), "the extension is there, but records nothing");
      continue;
    }
    const CommandBuffer moved = std::move(recorded);
    CHECK_FALSE(recorded);  // NOLINT(bugprone-use-after-move): that is the test
    device->upload(*a, 0, std::as_bytes(std::span(x)));
    for (int run = 0; run < 4; ++run) moved.enqueue(device->compute_queue());
    std::vector<float> y(n);
    device->download(*a, 0, std::as_writable_bytes(std::span(y)));
    for (std::size_t i = 0; i < n; ++i) CHECK(y[i] == 256 * x[i] + 255);
  }
}

}  // namespace
}  // namespace tessera::opencl

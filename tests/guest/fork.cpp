// A child that was forked with a device open gets an Error, where it would wait for threads that it
// does not have; a device that it opens itself works.
#include <sys/wait.h>
#include <unistd.h>

#include "tessera/error.h"
#include "tessera/ops.h"
#include "tessera/params.h"
#include "tessera/plan.h"
#include "tests/devices.h"
#include "tests/runs.h"

namespace tessera {
namespace {

constexpr unsigned patience_s = 60;

/// What a child that runs `work` ends with: what that returns, or -1 if it never ends or dies.
template <typename Work>
int in_child(const Work& work) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(patience_s);
    int result = 100;
    try {
      result = work();
    } catch (...) {
    }
    _exit(result);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Large enough for all threads.
Graph product() {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {256, 256}});
  graph.set_output("y", matmul(x, x));
  return graph;
}

struct Run {
  explicit Run(Device& of) : device(of) { executable->set_input("x", bytes()); }
  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(x)); }
  float first() {
    executable->run();
    executable->read_output("y", std::as_writable_bytes(std::span(y)));
    return y[0];
  }

  Device& device;
  Floats x = Floats(256 * 256, 0.5f), y = Floats(256 * 256);
  Params params{device};
  std::unique_ptr<Buffer> buffer = device.allocate(64);
  std::unique_ptr<Executable> executable = device.compile(plan_for(device, product()), params);
};

/// Whether an action throws an Error that says why.
template <typename Action>
bool is_refused(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return std::string(error.what()).find("before this process was forked") != std::string::npos;
  }
  return false;
}

}  // namespace

TEST_CASE("a forked child gets an Error from a device that its parent opened") {
  for (auto& device : open_usable_devices()) {
    const bool is_cpu = device->info().id == "cpu";
    if (is_cpu && device->info().compute_units == 1) continue;  // no other thread
    INFO(device->info().id);
    auto run = std::make_unique<Run>(*device);
    CHECK(run->first() == 64);
    const int accepted = in_child([&] {
      int count = is_refused([&] { run->first(); }) ? 0 : 1;
      std::byte byte{};
      const auto bytes = std::span(&byte, 1);
      // Buffers of the CPU are plain memory.
      if (!is_cpu) {
        count += is_refused([&] { device->upload(*run->buffer, 0, bytes); }) ? 0 : 1;
        count += is_refused([&] { device->download(*run->buffer, 0, bytes); }) ? 0 : 1;
        count += is_refused([&] { device->allocate(64); }) ? 0 : 1;
        count += is_refused([&] { device->finish(); }) ? 0 : 1;
        count += is_refused([&] { device->set_profiling(true); }) ? 0 : 1;
        count += is_refused([&] { run->executable->set_input("x", run->bytes()); }) ? 0 : 1;
        count += is_refused([&] {
          run->executable->read_output("y", std::as_writable_bytes(std::span(run->y)));
        })
                     ? 0
                     : 1;
        count += is_refused([&] { open_device(device->info().id); }) ? 0 : 1;
      }
      run.reset();
      device.reset();
      return count;
    });
    CHECK(accepted == 0);
    CHECK(run->first() == 64);  // the parent goes on
  }
}

TEST_CASE("a forked child opens the CPU for itself") {
  const auto device = open_device("cpu");
  Run run(*device);
  CHECK(run.first() == 64);
  CHECK(in_child([] {
          const auto own = open_device("cpu");
          return Run(*own).first() == 64 ? 0 : 1;
        }) == 0);
}

}  // namespace tessera

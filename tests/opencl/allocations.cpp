// A step allocates nothing with operator new, and a cache without memory is only no cache. What a
// driver allocates, with malloc or in threads of its own, is not counted.
#include "tests/opencl/allocations.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <new>

#include "tests/cpu/workload.h"
#include "tests/opencl/devices.h"

void* operator new(std::size_t bytes) {
  auto& allocations = tessera::opencl::allocations();
  ++allocations.count;
  if (allocations.allowed == 0) throw std::bad_alloc();
  if (allocations.allowed > 0) --allocations.allowed;
  if (void* const result = std::malloc(bytes ? bytes : 1)) return result;
  throw std::bad_alloc();
}
void operator delete(void* pointer) noexcept { std::free(pointer); }
void operator delete(void* pointer, std::size_t) noexcept { std::free(pointer); }

namespace tessera::opencl {

Allocations& allocations() {
  static thread_local Allocations of_thread;
  return of_thread;
}

TEST_CASE("a step allocates nothing") {
  for (const std::string& id : usable_ids()) {
    const auto device = open_opencl(id);
    const Graph graph = workload();
    Params params(*device);
    params.add(graph, 5);
    const auto executable = device->compile(Plan(graph, device->plan_options()), params);
    const std::vector<std::byte> image(8 * 21 * 19 * 3), label(8 * 4), lr(4);
    const auto step = [&] {
      executable->set_input("image", image);
      executable->set_input("label", label);
      executable->set_input("lr", lr);
      executable->run();
    };
    for (int i = 0; i < 3; ++i) step();  // drivers finish kernels at their first use
    device->finish();
    const std::int64_t before = allocations().count;
    for (int i = 0; i < 6; ++i) step();
    CHECK(allocations().count - before == 0);
    CHECK(before > 0);
  }
}

TEST_CASE("a cache that finds no memory throws nothing") {
  const TemporaryFolder folder;
  const DiskCache cache(folder.path());
  const std::string key = DiskCache::key("some program");
  const std::vector<unsigned char> bytes(10000, 1);
  // No later ones: the standard library ends the program when it cannot list a folder for that.
  for (std::int64_t allowed = 0; allowed < 4; ++allowed) {
    allocations().allowed = allowed;
    cache.store(key, bytes);
    const bool found = cache.load(key).has_value();
    allocations().allowed = -1;
    CHECK(!found);
  }
  cache.store(key, bytes);
  CHECK(cache.load(key) == bytes);
}

}  // namespace tessera::opencl

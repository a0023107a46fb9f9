// A run allocates nothing. Counts calls of malloc by standing in front of the C library's; with
// another C library there is no such test, nor with a sanitizer, which does it already.
#if defined(__GLIBC__) || __has_include(<gnu/libc-version.h>)

#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

#include "tests/cpu/environment.h"
#include "tests/cpu/workload.h"

namespace {
std::atomic<std::int64_t> allocations{0};
}

extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);

void* malloc(std::size_t bytes) {
  ++allocations;
  return __libc_malloc(bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  ++allocations;
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** result, std::size_t alignment, std::size_t bytes) {
  ++allocations;
  *result = __libc_memalign(alignment, bytes);
  return *result ? 0 : ENOMEM;
}
}

namespace tessera {
namespace {

TEST_CASE("a run allocates nothing, whatever the algorithms") {
  for (const char* wishes : {"", "matmul=eigen", "conv2d=naive,conv2d_dx=naive,conv2d_dw=naive"}) {
    const Environment algorithm("TESSERA_CPU_ALGORITHM", wishes);
    const Environment threads("TESSERA_THREADS", "2");
    const auto device = open_device("cpu");
    const Graph graph = workload();
    Params params(*device);
    params.add(graph, 5);
    const auto executable = device->compile(Plan(graph, device->plan_options()), params);
    set_workload_inputs(*executable);
    const std::int64_t before = allocations;
    executable->run();
    executable->run();
    CHECK(allocations - before == 0);
    CHECK(before > 0);
  }
}

}  // namespace
}  // namespace tessera

#endif

// The ops that write large results past the cache, on a device for which every result is large.
#include <doctest/doctest.h>

#include "backends/cpu/device.h"
#include "tests/check_cases.h"

namespace tessera::cpu {

TEST_CASE("past a small cache") {
  constexpr std::uint64_t cache_bytes = 4;
  std::vector<std::unique_ptr<Device>> devices;
  devices.push_back(std::make_unique<CpuDevice>(cache_bytes));
  check_cases(cases::conv2d_cases(), devices);
}

}  // namespace tessera::cpu

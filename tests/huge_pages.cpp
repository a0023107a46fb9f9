// Where the memory of devices that are CPUs lies.
#include <doctest/doctest.h>

#include <cstdint>
#include <fstream>
#include <string>

#include "tests/devices.h"
#include "tests/runs.h"

namespace tessera {
namespace {

/// KiB of this process's memory for which huge pages are asked for: mappings flagged "hg".
std::int64_t huge_page_kib() {
  std::ifstream smaps("/proc/self/smaps");
  std::int64_t size = 0, sum = 0;
  for (std::string line; std::getline(smaps, line);) {
    if (line.starts_with("Size:")) size = std::stoll(line.substr(5));
    if (line.starts_with("VmFlags:") && line.find(" hg") != std::string::npos) sum += size;
  }
  return sum;
}

}  // namespace

TEST_CASE("large buffers of CPUs lie in huge pages") {
  if (!std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled"))
    return skip_program("the system has no huge pages");
  on_each_device([](Device& device) {
    if (device.info().type != DeviceType::cpu) return;
    const std::int64_t before = huge_page_kib();
    const std::unique_ptr<Buffer> buffer = device.allocate(64 << 20);
    CHECK(huge_page_kib() - before >= 60 << 10);
  });
}

}  // namespace tessera

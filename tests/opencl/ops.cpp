// Every case with the launches for GPUs, on whatever OpenCL devices there are, and those of
// families that write large results past the cache.
#include <doctest/doctest.h>

#include "tests/check_cases.h"
#include "tests/opencl/devices.h"

namespace tessera::opencl {
namespace {

std::vector<std::unique_ptr<Device>> open_all(
    std::unique_ptr<OpenclDevice> (*open)(const std::string& id)) {
  std::vector<std::unique_ptr<Device>> devices;
  for (const std::string& id : usable_ids()) devices.push_back(open(id));
  return devices;
}

}  // namespace

#define TESSERA_OP_FAMILY(family)                                \
  TEST_CASE("as on a GPU: " #family) {                           \
    check_cases(cases::family##_cases(), open_all(open_as_gpu)); \
  }
#include "op_families.inc"
#undef TESSERA_OP_FAMILY

// They are for convolutions larger than those of the cases.
TEST_CASE("by Winograd's algorithm as on a GPU") {
  const Setting setting("TESSERA_OPENCL_ALGORITHM",
                        "conv2d=winograd_local,conv2d_dx=winograd_local,conv2d_dw=winograd_local");
  check_cases(cases::conv2d_cases(), open_all(open_as_gpu));
  check_cases(cases::conv2d_cases(), open_all(open_as_small_gpu));
}

TEST_CASE("past a small cache") {
  for (const auto& cases : {cases::conv2d_cases(), cases::normalization_cases()})
    check_cases(cases, open_all(open_with_small_cache));
}

}  // namespace tessera::opencl

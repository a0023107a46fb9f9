// Every case with the launches for GPUs, on whatever OpenCL devices there are, and those of
// families that write large results past the cache.
#include <doctest/doctest.h>

#include "tests/check_cases.h"
#include "tests/opencl/devices.h"

namespace tessera::opencl {
namespace {

using Open = std::unique_ptr<OpenclDevice> (*)(const std::string& id);

/// Adds each usable device, opened with these algorithms.
void open_all(std::vector<CheckedDevice>& devices, Open open, const std::string& algorithms = {}) {
  const Setting setting("TESSERA_OPENCL_ALGORITHM", algorithms);
  for (const std::string& id : usable_ids()) devices.push_back({algorithms, open(id)});
}

std::vector<CheckedDevice> open_as_gpus() {
  std::vector<CheckedDevice> devices;
  for (const char* algorithms :
       {"", "conv2d=naive,conv2d_dx=naive,conv2d_dw=naive,matmul=naive", "matmul=clblast"})
    open_all(devices, open_as_gpu, algorithms);
  return devices;
}

}  // namespace

#define TESSERA_OP_FAMILY(family) \
  TEST_CASE("as on a GPU: " #family) { check_cases(cases::family##_cases(), open_as_gpus()); }
#include "op_families.inc"
#undef TESSERA_OP_FAMILY

// They are for convolutions larger than those of the cases.
TEST_CASE("by Winograd's algorithm as on a GPU") {
  const std::string algorithms =
      "conv2d=winograd_local,conv2d_dx=winograd_local,conv2d_dw=winograd_local";
  std::vector<CheckedDevice> devices;
  open_all(devices, open_as_gpu, algorithms);
  open_all(devices, open_as_small_gpu, algorithms);
  check_cases(cases::conv2d_cases(), devices);
}

TEST_CASE("past a small cache") {
  std::vector<CheckedDevice> devices;
  open_all(devices, open_with_small_cache);
  for (const auto& cases : {cases::conv2d_cases(), cases::normalization_cases()})
    check_cases(cases, devices);
}

}  // namespace tessera::opencl

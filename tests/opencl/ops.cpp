// Every case with the launches for GPUs, on whatever OpenCL devices there are.
#include <doctest/doctest.h>

#include "tests/check_cases.h"
#include "tests/opencl/devices.h"

namespace tessera::opencl {
namespace {

std::vector<std::unique_ptr<Device>> open_all_as_gpus() {
  std::vector<std::unique_ptr<Device>> devices;
  for (const std::string& id : usable_ids()) devices.push_back(open_as_gpu(id));
  return devices;
}

}  // namespace

#define TESSERA_OP_FAMILY(family) \
  TEST_CASE("as on a GPU: " #family) { check_cases(cases::family##_cases(), open_all_as_gpus()); }
#include "op_families.inc"
#undef TESSERA_OP_FAMILY

}  // namespace tessera::opencl

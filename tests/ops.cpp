// Every case on every device, with the algorithms that are not the first choice and by each
// instruction set too. One program for all, because the references take longer than the devices.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string_view>

#include "backends/cpu/runtime/isa.h"
#include "tests/check_cases.h"
#include "tests/devices.h"

namespace tessera {
namespace {

constexpr const char* cpu_plain =
    "normalize=columns,normalize_dx=columns,add=rows,conv2d=naive,conv2d_dx=naive,conv2d_dw=naive,"
    "matmul=naive,max_pool2d_dx=gather";
constexpr const char* opencl_plain = "conv2d=naive,conv2d_dx=naive,conv2d_dw=naive,matmul=naive";
// On CPUs, what stands behind the algorithms for large and for 3x3 convolutions.
constexpr const char* opencl_direct = "conv2d=tile,conv2d_dx=tile,conv2d_dw=blocked,matmul=tile";

/// All usable devices, as they are and with what a variable can set of each.
std::vector<CheckedDevice> open_all() {
  std::vector<CheckedDevice> all;
  const auto open = [&](const std::string& id, const char* variable, const std::string& value) {
    ::setenv(variable, value.c_str(), 1);
    all.push_back({std::string(variable) + "=" + value, open_device(id)});
    ::unsetenv(variable);
  };
  for (auto& device : open_usable_devices()) {
    const std::string id = device->info().id;
    all.push_back({"", std::move(device)});
    if (std::getenv("TESSERA_CASE_WORK")) continue;  // an implementation that is slow
    if (id == "cpu") {
      for (const char* algorithms : {cpu_plain, "matmul=eigen"})
        open(id, "TESSERA_CPU_ALGORITHM", algorithms);
      for (const cpu::Variant& variant : cpu::variants())
        if (variant.supported() && &variant != &cpu::choose_variant())
          open(id, "TESSERA_CPU_ISA", std::string(variant.name));
    } else {
      for (const char* algorithms : {opencl_plain, "matmul=clblast", opencl_direct})
        open(id, "TESSERA_OPENCL_ALGORITHM", algorithms);
    }
  }
  return all;
}

}  // namespace

#define TESSERA_OP_FAMILY(family) \
  TEST_CASE(#family) { check_cases(cases::family##_cases(), open_all()); }
#include "op_families.inc"
#undef TESSERA_OP_FAMILY

}  // namespace tessera

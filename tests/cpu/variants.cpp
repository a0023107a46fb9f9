// The variants of the op files: how they are chosen, that they agree, and that the bits of a result
// do not depend on the number of threads.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "backends/cpu/runtime/isa.h"
#include "tessera/error.h"
#include "tests/cpu/environment.h"
#include "tests/cpu/workload.h"

namespace tessera {
namespace {

std::vector<std::string> supported_variants() {
  std::vector<std::string> names;
  for (const cpu::Variant& variant : cpu::variants())
    if (variant.supported()) names.emplace_back(variant.name);
  return names;
}

TEST_CASE("each variant gives the same bits with any number of threads") {
  for (const std::string& name : supported_variants()) {
    CAPTURE(name);
    const Environment isa("TESSERA_CPU_ISA", name);
    std::vector<float> one;
    for (const char* count : {"1", "2", "5"}) {
      const Environment threads("TESSERA_THREADS", count);
      const std::vector<float> found = run_workload();
      if (one.empty()) one = found;
      CHECK(found == one);
    }
    CHECK(std::all_of(one.begin(), one.end(), [](float x) { return std::isfinite(x); }));
  }
}

TEST_CASE("all variants agree with naive loops") {
  std::vector<float> expected;
  {
    const Environment algorithm("TESSERA_CPU_ALGORITHM",
                                "conv2d=naive,conv2d_dx=naive,conv2d_dw=naive,matmul=naive,"
                                "add=rows,max_pool2d_dx=gather");
    expected = run_workload();
  }
  for (const std::string& name : supported_variants()) {
    CAPTURE(name);
    const Environment isa("TESSERA_CPU_ISA", name);
    const std::vector<float> found = run_workload();
    REQUIRE(found.size() == expected.size());
    double error = 0;
    for (std::size_t i = 0; i < found.size(); ++i)
      error = std::max(error, std::fabs(static_cast<double>(found[i]) - expected[i]) /
                                  (1e-2 + std::fabs(static_cast<double>(expected[i]))));
    CHECK(error < 1e-3);
  }
}

TEST_CASE("the best supported variant is chosen unless the environment names one") {
  const std::vector<std::string> names = supported_variants();
  REQUIRE(!names.empty());
  if (!std::getenv("TESSERA_CPU_ISA")) CHECK(cpu::choose_variant().name == names.back());
  for (const std::string& name : names) {
    const Environment isa("TESSERA_CPU_ISA", name);
    CHECK(cpu::choose_variant().name == name);
    CHECK(open_device("cpu")->info().driver.ends_with(name));
  }
  const Environment isa("TESSERA_CPU_ISA", "sparc");
  CHECK_THROWS_WITH_AS(
      cpu::choose_variant(),
      doctest::Contains(("TESSERA_CPU_ISA is 'sparc', expected one of " + names.front()).c_str()),
      Error);
  CHECK_FALSE(list_devices().front().usable);
}

}  // namespace
}  // namespace tessera

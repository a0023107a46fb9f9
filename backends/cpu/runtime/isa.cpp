#include "backends/cpu/runtime/isa.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>

#include "tessera/error.h"

#define TESSERA_CPU_VARIANT(identifier, name) \
  extern "C" void tessera_cpu_variant_##identifier(tessera::cpu::VariantContents& contents);
#include "cpu_variants.inc"
#undef TESSERA_CPU_VARIANT

namespace tessera::cpu {
namespace {

[[maybe_unused]] bool supports_baseline() { return true; }

// The features that tell the levels of the x86-64 psABI apart; compilers older than this project
// do not all know the levels by name.
#if defined(__x86_64__)
[[maybe_unused]] bool supports_x86_64_v2() {
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
}
[[maybe_unused]] bool supports_x86_64_v3() {
  return supports_x86_64_v2() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
[[maybe_unused]] bool supports_x86_64_v4() {
  return supports_x86_64_v3() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

}  // namespace

const std::vector<Variant>& variants() {
  static const std::vector<Variant> all = {
#define TESSERA_CPU_VARIANT(identifier, name) \
  {name, supports_##identifier, tessera_cpu_variant_##identifier},
#include "cpu_variants.inc"
#undef TESSERA_CPU_VARIANT
  };
  return all;
}

const Variant& choose_variant() {
  const char* environment = std::getenv("TESSERA_CPU_ISA");
  const std::string_view wanted = environment ? environment : "";
  const Variant* best = nullptr;
  std::vector<std::string_view> supported, built;
  for (const Variant& variant : variants()) {
    built.push_back(variant.name);
    if (!variant.supported()) continue;
    supported.push_back(variant.name);
    if (wanted.empty() || wanted == variant.name) best = &variant;
  }
  if (best) return *best;
  if (wanted.empty())
    throw Error("cpu", fmt::format("this machine runs none of the instruction sets built: {}",
                                   fmt::join(built, ", ")));
  throw Error("cpu", fmt::format("TESSERA_CPU_ISA is '{}', expected one of {}", wanted,
                                 fmt::join(supported, ", ")));
}

}  // namespace tessera::cpu

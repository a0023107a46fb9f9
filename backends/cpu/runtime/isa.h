// The variants of the op files: which there are, which this machine can run, and which to use.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backends/cpu/lowering/algorithm.h"

namespace tessera::cpu {

struct Variant {
  std::string_view name;  ///< "x86-64-v3"
  bool (*supported)();    ///< by this machine
  void (*read)(VariantContents& contents);
};

/// All that were built, the plainest first.
const std::vector<Variant>& variants();
/// The best one that this machine supports, or the one that the environment variable
/// TESSERA_CPU_ISA names. Throws Error that lists what there is.
const Variant& choose_variant();

}  // namespace tessera::cpu

// The one function of a variant that the rest of the library can see.
#include "backends/cpu/variant.h"

#include <iterator>

#define TESSERA_CONCATENATE_(a, b) a##b
#define TESSERA_CONCATENATE(a, b) TESSERA_CONCATENATE_(a, b)

extern "C" void TESSERA_CONCATENATE(tessera_cpu_lowerings_,
                                    TESSERA_CPU_VARIANT)(std::vector<tessera::cpu::Lowering>& all) {
#define TESSERA_OP_FAMILY(family)                                                       \
  for (tessera::cpu::Lowering & lowering : TESSERA_CPU_NAMESPACE::family##_lowerings()) \
    all.push_back(std::move(lowering));
#include "op_kernels.inc"
#undef TESSERA_OP_FAMILY
}

// The one function of a variant that the rest of the library can see.
#include "backends/cpu/lowering/variant.h"

#include <iterator>

#define TESSERA_CONCATENATE_(a, b) a##b
#define TESSERA_CONCATENATE(a, b) TESSERA_CONCATENATE_(a, b)

extern "C" void TESSERA_CONCATENATE(tessera_cpu_variant_,
                                    TESSERA_CPU_VARIANT)(tessera::cpu::VariantContents& contents) {
#define TESSERA_OP_FAMILY(family)                                                      \
  for (tessera::cpu::OpAlgorithms & op : TESSERA_CPU_NAMESPACE::family##_algorithms()) \
    contents.ops.push_back(std::move(op));
#include "op_kernels.inc"
#undef TESSERA_OP_FAMILY
  contents.multiply_adds = TESSERA_CPU_NAMESPACE::multiply_adds;
  contents.triad = TESSERA_CPU_NAMESPACE::triad;
}

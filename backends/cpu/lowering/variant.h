// Included by the op files, which are compiled once for each instruction set ("variant"), each time
// in a namespace of its own. A variant's objects are merged into one whose only global symbol is
// the function of variant.cpp, so that inline functions of a variant never replace another's.
#pragma once

#include "backends/cpu/lowering/algorithm.h"

#define TESSERA_CPU_NAMESPACE tessera::cpu::TESSERA_CPU_VARIANT

namespace TESSERA_CPU_NAMESPACE {

#define TESSERA_OP_FAMILY(family) std::vector<OpAlgorithms> family##_algorithms();
#include "op_kernels.inc"
#undef TESSERA_OP_FAMILY

double multiply_adds(std::int64_t rounds);
void triad(const float* a, const float* b, float s, float* c, std::int64_t count);

}  // namespace TESSERA_CPU_NAMESPACE

// Rows of element-wise formulas, for files that put several of them together.
#pragma once

#include <cstdint>

#include "backends/cpu/lowering/variant.h"
#include "engine/ops/formulas.h"

namespace TESSERA_CPU_NAMESPACE {

/// The operands of a row: pointers, and elements between neighbors (0 or 1). Variables that the
/// formula does not name have none.
struct Operands {
  const float* data[3];
  std::int64_t step[3];
};

/// The attributes of a formula; 0 where it has none.
struct Parameters {
  float p, q;
};

/// y[0..count) of operands that all have step 1, whatever `step` says. y may be an operand.
using RowFunction = void (*)(const Operands&, float* y, std::int64_t count, Parameters);
RowFunction row_function(const formulas::Formula& formula);

}  // namespace TESSERA_CPU_NAMESPACE

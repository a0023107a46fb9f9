// Steps of optimisers, in place: the formulas of cl_kernels/optimizer_step.h, element by element.
#include "cl_kernels/optimizer_step.h"

#include <cmath>

#include "backends/cpu/variant.h"
#include "engine/ops/optimizer_step.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

using floatv = float;  // of the formulas
using std::expm1;
using std::sqrt;

struct Tensors {
  float* w;
  const float* dw;
  float *a, *b;  ///< nullptr where the op has no such state
  const float* lr;
  const void* extra;
};

#define STEP(NAME, STATES, EXTRA, ONCE, EACH)                                       \
  void NAME(const Tensors& tensors, [[maybe_unused]] const float* k, Range range) { \
    float* __restrict w_ = tensors.w;                                               \
    const float* __restrict dw_ = tensors.dw;                                       \
    [[maybe_unused]] float* __restrict a_ = tensors.a;                              \
    [[maybe_unused]] float* __restrict b_ = tensors.b;                              \
    const float lr = *tensors.lr;                                                   \
    [[maybe_unused]] const EXTRA extra = *static_cast<const EXTRA*>(tensors.extra); \
    ONCE;                                                                           \
    for (std::int64_t i = range.begin; i < range.end; ++i) {                        \
      floatv w = w_[i];                                                             \
      const floatv dw = dw_[i];                                                     \
      [[maybe_unused]] floatv a = STATES > 0 ? a_[i] : 0;                           \
      [[maybe_unused]] floatv b = STATES > 1 ? b_[i] : 0;                           \
      EACH;                                                                         \
      w_[i] = w;                                                                    \
      if constexpr (STATES > 0) a_[i] = a;                                          \
      if constexpr (STATES > 1) b_[i] = b;                                          \
    }                                                                               \
  }
OPTIMIZER_STEPS(STEP)
#undef STEP

template <auto step, std::size_t states>
Step prepare(const NodeContext& node, const char* op) {
  const std::size_t lr = 2 + states;
  const Tensors tensors = {node.output(0),
                           node.input(1),
                           states > 0 ? node.output(1) : nullptr,
                           states > 1 ? node.output(2) : nullptr,
                           node.input(lr),
                           node.input(node.input_count() - 1)};
  const std::int64_t count = node.output_spec(0).elements();
  const std::int64_t chunks = chunk_count(count, 0.3);
  return {[=, k = optimizer_constants(op, node.attributes())](const StepContext& context) {
    context.pool.for_each(chunks, [&](std::int64_t chunk, int) {
      step(tensors, k.data(), chunk_range(count, chunks, chunk, 16));
    });
  }};
}

}  // namespace

std::vector<Lowering> optimizer_step_lowerings() {
#define STEP(NAME, STATES, ...)                                   \
  {#NAME, {{"elementwise", nullptr, [](const NodeContext& node) { \
              return prepare<NAME, STATES>(node, #NAME);          \
            }}}},
  return {OPTIMIZER_STEPS(STEP)};
#undef STEP
}

}  // namespace TESSERA_CPU_NAMESPACE

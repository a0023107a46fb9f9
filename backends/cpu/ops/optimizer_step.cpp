// Steps of optimizers, in place: the formulas of engine/formulas/optimizer_step.h, element by
// element; the tensors of a node are shared out as if they lay end to end.
#include "engine/formulas/optimizer_step.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "backends/cpu/lowering/variant.h"
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
    if (std::isnan(lr)) return;                                                     \
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

/// A tensor of a node, with its constants and where it begins when all are laid end to end.
struct Segment {
  Tensors tensors;
  std::vector<float> constants;
  std::int64_t begin, count;
};

constexpr std::int64_t floats_per_line = 16;

template <std::size_t states>
std::vector<Segment> segments_of(const BoundNode& node, const char* op) {
  const std::size_t count = node.output_count() / (1 + states), lr = (2 + states) * count;
  std::vector<Segment> segments;
  std::int64_t begin = 0;
  for (std::size_t t = 0; t < count; ++t) {
    const Tensors tensors = {node.output(t),
                             node.input(count + t),
                             states > 0 ? node.output(count + t) : nullptr,
                             states > 1 ? node.output(2 * count + t) : nullptr,
                             node.input(lr),
                             node.input(node.input_count() - 1)};
    const std::int64_t elements = node.output_spec(t).elements();
    segments.push_back({tensors, optimizer_constants(op, node.attributes(), t), begin, elements});
    begin += (elements + floats_per_line - 1) / floats_per_line * floats_per_line;
  }
  return segments;
}

template <auto step, std::size_t states>
Step lower(const BoundNode& node, const char* op) {
  std::vector<Segment> segments = segments_of<states>(node, op);
  const std::int64_t count = segments.back().begin + segments.back().count;
  const std::int64_t chunks = chunk_count(count, 0.3);
  return {[=, segments = std::move(segments)](const StepContext& context) {
    context.pool.for_each(chunks, [&](std::int64_t chunk, int) {
      const Range range = chunk_range(count, chunks, chunk, floats_per_line);
      auto segment =
          std::upper_bound(segments.begin(), segments.end(), range.begin,
                           [](std::int64_t at, const Segment& s) { return at < s.begin; });
      for (--segment; segment != segments.end() && segment->begin < range.end; ++segment)
        step(segment->tensors, segment->constants.data(),
             {std::max<std::int64_t>(range.begin - segment->begin, 0),
              std::min(range.end - segment->begin, segment->count)});
    });
  }};
}

}  // namespace

std::vector<OpAlgorithms> optimizer_step_algorithms() {
#define STEP(NAME, STATES, ...)                                 \
  {#NAME, {{"elementwise", nullptr, [](const BoundNode& node) { \
              return lower<NAME, STATES>(node, #NAME);          \
            }}}},
  return {OPTIMIZER_STEPS(STEP)};
#undef STEP
}

}  // namespace TESSERA_CPU_NAMESPACE

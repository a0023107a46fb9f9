// sgd_step: v = momentum * v + dw, w = w - lr * v, in place.
#include "backends/cpu/variant.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

Step prepare(const NodeContext& node) {
  float* w = node.output(0);
  float* v = node.output(1);
  const float* dw = node.input(1);
  const float* lr = node.input(3);
  const auto momentum = static_cast<float>(node.attributes().number("momentum"));
  const std::int64_t count = node.output_spec(0).elements();
  const std::int64_t chunks = chunk_count(count, 0.2);
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(count, chunks, chunk, 16);
      const float rate = *lr;
      for (std::int64_t i = range.begin; i < range.end; ++i) {
        v[i] = momentum * v[i] + dw[i];
        w[i] -= rate * v[i];
      }
    });
  }};
}

}  // namespace

std::vector<Lowering> sgd_step_lowerings() {
  return {{"sgd_step", {{"elementwise", nullptr, prepare}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE

// Activations and their gradients. A new activation is a struct with y(x) and dx(y, dy) and a row
// in activation_lowerings().
#include "backends/cpu/variant.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

struct Relu {
  // Written so that NaN passes.
  static float y(float x) { return x < 0 ? 0 : x; }
  static float dx(float y, float dy) { return y <= 0 ? 0 : dy; }
};

constexpr std::int64_t floats_per_line = 16;

template <typename Activation>
Step prepare(const NodeContext& node) {
  const float* x = node.input(0);
  float* y = node.output(0);
  const std::int64_t count = node.output_spec(0).elements();
  const std::int64_t chunks = chunk_count(count, 0.1);
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(count, chunks, chunk, floats_per_line);
      for (std::int64_t i = range.begin; i < range.end; ++i) y[i] = Activation::y(x[i]);
    });
  }};
}

template <typename Activation>
Step prepare_dx(const NodeContext& node) {
  const float* y = node.input(0);
  const float* dy = node.input(1);
  float* dx = node.output(0);
  const std::int64_t count = node.output_spec(0).elements();
  const std::int64_t chunks = chunk_count(count, 0.15);
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(count, chunks, chunk, floats_per_line);
      for (std::int64_t i = range.begin; i < range.end; ++i) dx[i] = Activation::dx(y[i], dy[i]);
    });
  }};
}

}  // namespace

std::vector<Lowering> activation_lowerings() {
  return {{"relu", {{"elementwise", nullptr, prepare<Relu>}}},
          {"relu_dx", {{"elementwise", nullptr, prepare_dx<Relu>}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE

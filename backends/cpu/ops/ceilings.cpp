// The loops by which the device measures what it can do at most, for each instruction set.
#include "backends/cpu/ops/simd.h"

namespace TESSERA_CPU_NAMESPACE {

double multiply_adds(std::int64_t rounds) {
  constexpr int chains = 12;  // independent: enough to hide the latency of a multiply-add
  const Vec a = broadcast(0.999f), b = broadcast(0.001f);
  Vec x[chains];
  repeat<chains>([&](auto i) { x[i] = broadcast(static_cast<float>(i)); });
  for (std::int64_t r = 0; r < rounds; ++r)
    repeat<chains>([&](auto i) __attribute__((always_inline)) { x[i] = x[i] * a + b; });
  Vec total{};
  repeat<chains>([&](auto i) { total += x[i]; });
  [[maybe_unused]] volatile float kept = sum(total);
  return 2.0 * chains * lanes * static_cast<double>(rounds);
}

void triad(const float* a, const float* b, float s, float* c, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += lanes) store(c + i, load(a + i) + s * load(b + i));
}

}  // namespace TESSERA_CPU_NAMESPACE

// What follows the sums of a product before they are its result: a residual is added, and an
// activation cuts off (engine/ops/epilogue.h).
#pragma once

#include "backends/cpu/ops/simd.h"
#include "engine/ops/epilogue.h"

namespace TESSERA_CPU_NAMESPACE {

/// nullptr: there is none.
inline const float* bias_of(const BoundNode& node) {
  const std::size_t bias = epilogue_inputs(node).bias;
  return bias > 0 ? node.input(bias) : nullptr;
}

class Epilogue {
 public:
  /// That of a node's output 0; of most nodes it is nothing.
  explicit Epilogue(const BoundNode& node) : y_(node.output(0)) {
    const std::size_t residual = epilogue_inputs(node).residual;
    residual_ = residual > 0 ? node.input(residual) : nullptr;
    is_clamp_ = node.attributes().has("activation");
    clamp_ = activation_clamp(node.attributes());
  }

  /// For the vector of sums that is to be written to `to`.
  template <typename Access>
  [[gnu::always_inline]] Vec finished(Vec sum, const float* to, const Access& access) const {
    if (residual_) sum += access.load(residual_ + (to - y_));
    return clamp(sum, broadcast(clamp_.low), broadcast(clamp_.high));
  }

  /// For sums in memory: `count` floats at `to`, a place in the output.
  void finish(float* to, std::int64_t count) const {
    if (is_nothing()) return;
    for_vectors(count, Tail(count % lanes), [&](std::int64_t i, const auto& access) {
      access.store(to + i, finished(access.load(to + i), to + i, access));
    });
  }

  /// For those of a tile that is to be written to `to`.
  template <int T, int V>
  [[gnu::always_inline]] void finish(Tile<T, V>& tile, const float* to, std::int64_t step,
                                     const Tail& tail) const {
    if (is_nothing()) return;
    repeat<T>([&](auto t) __attribute__((always_inline)) {
      repeat<V>([&](auto v) __attribute__((always_inline)) {
        const float* at = to + t * step + v * lanes;
        tile.acc[t][v] =
            v == V - 1 ? finished(tile.acc[t][v], at, tail) : finished(tile.acc[t][v], at, Whole{});
      });
    });
  }

 private:
  bool is_nothing() const { return !residual_ && !is_clamp_; }

  const float *y_, *residual_;
  bool is_clamp_;
  Clamp clamp_;
};

/// Where the operands and the result of a product lie.
struct ProductOperands {
  const float *x, *w, *bias;
  float* y;
  Epilogue epilogue;

  explicit ProductOperands(const BoundNode& node)
      : x(node.input(0)),
        w(node.input(1)),
        bias(bias_of(node)),
        y(node.output(0)),
        epilogue(node) {}
};

}  // namespace TESSERA_CPU_NAMESPACE

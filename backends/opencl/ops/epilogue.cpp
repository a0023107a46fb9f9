#include "backends/opencl/ops/epilogue.h"

#include <limits>

#include "engine/ops/epilogue.h"

namespace tessera::opencl {

Bias bias_of(LaunchBuilder& l) {
  const std::size_t bias = epilogue_inputs(l).bias;
  return {bias > 0 ? l.input(bias) : l.unused(), bias > 0};
}

Prepacking filters_prepacking(LaunchBuilder& l, bool with_bias) {
  const std::size_t bias = epilogue_inputs(l).bias;
  return {l, {1, with_bias && bias > 0 ? bias : 1}};
}

Epilogue epilogue_of(LaunchBuilder& l) {
  const std::size_t residual = epilogue_inputs(l).residual;
  const Clamp clamp = activation_clamp(l.attributes());
  return {residual > 0 ? l.input(residual) : l.unused(),
          {.has_residual = residual > 0, .low = clamp.low, .high = clamp.high}};
}

Epilogue no_epilogue(LaunchBuilder& l) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  return {l.unused(), {.has_residual = 0, .low = -infinity, .high = infinity}};
}

}  // namespace tessera::opencl

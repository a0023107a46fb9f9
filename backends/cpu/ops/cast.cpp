// Other element types, element by element.
#include <cmath>
#include <limits>

#include "backends/cpu/lowering/variant.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

template <typename To, typename From>
To convert(From x) {
  if constexpr (std::is_same_v<From, float>) {
    constexpr float limit = 2147483648.0f;
    if (std::isnan(x)) return 0;
    if (x >= limit) return static_cast<To>(std::numeric_limits<std::int32_t>::max());
    if (x <= -limit) return static_cast<To>(std::numeric_limits<std::int32_t>::min());
    return static_cast<To>(static_cast<std::int32_t>(x));
  } else {
    return static_cast<To>(x);
  }
}

template <typename To, typename From>
Step lower_pair(const BoundNode& node) {
  const From* x = node.input<From>(0);
  To* y = node.output<To>(0);
  const std::int64_t count = node.output_spec(0).elements();
  const std::int64_t chunks = chunk_count(count, 0.5);
  constexpr std::int64_t elements_per_line = 64;
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(count, chunks, chunk, elements_per_line);
      for (std::int64_t i = range.begin; i < range.end; ++i) y[i] = convert<To>(x[i]);
    });
  }};
}

template <typename From>
Step lower_from(const BoundNode& node) {
  switch (node.output_spec(0).dtype) {
    case DType::f32:
      return lower_pair<float, From>(node);
    case DType::i32:
      return lower_pair<std::int32_t, From>(node);
    case DType::u8:
      return lower_pair<std::uint8_t, From>(node);
  }
  return {};
}

Step lower(const BoundNode& node) {
  switch (node.input_spec(0).dtype) {
    case DType::f32:
      return lower_from<float>(node);
    case DType::i32:
      return lower_from<std::int32_t>(node);
    case DType::u8:
      return lower_from<std::uint8_t>(node);
  }
  return {};
}

}  // namespace

std::vector<OpAlgorithms> cast_algorithms() { return {{"cast", {{"elements", nullptr, lower}}}}; }

}  // namespace TESSERA_CPU_NAMESPACE

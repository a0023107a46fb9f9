// image_to_float: y = x * scale + shift with the two factors of each channel repeated over a row,
// so that one loop does a whole row whatever the number of channels.
#include "engine/ops/image_to_float.h"

#include "backends/cpu/lowering/variant.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

Step lower(const BoundNode& node) {
  const auto* x = node.input<std::uint8_t>(0);
  float* y = node.output(0);
  const Shape& in = node.input_spec(0).shape;
  const std::int64_t N = in[0], H = in[1], row = in[2] * in[3], C = in[3];
  const std::int64_t padding = node.attributes().integer("padding");
  const std::int64_t P = H + 2 * padding, row_y = row + 2 * padding * C;
  const std::vector<float> factors = image_factors(node.attributes());
  std::vector<float> scale(static_cast<std::size_t>(row_y)), shift(scale.size());
  for (std::size_t i = 0; i < scale.size(); ++i) {
    const std::size_t c = i % static_cast<std::size_t>(C);
    scale[i] = factors[2 * c];
    shift[i] = factors[2 * c + 1];
  }
  const std::int64_t chunks = chunk_count(N * P, 10 + 0.1 * static_cast<double>(row_y));
  return {[=](const StepContext& context) {
    context.pool.for_each(chunks, [&](std::int64_t chunk, int) {
      const Range range = chunk_range(N * P, chunks, chunk);
      for (std::int64_t i = range.begin; i < range.end; ++i) {
        float* out = y + i * row_y;
        const std::int64_t h = i % P - padding;
        if (h < 0 || h >= H) {
          std::copy(shift.begin(), shift.end(), out);
          continue;
        }
        const std::uint8_t* bytes = x + (i / P * H + h) * row;
        const std::int64_t left = padding * C;
        std::copy_n(shift.begin(), left, out);
        for (std::int64_t j = 0; j < row; ++j)
          out[left + j] = static_cast<float>(bytes[j]) * scale[static_cast<std::size_t>(j)] +
                          shift[static_cast<std::size_t>(j)];
        std::copy_n(shift.begin(), left, out + left + row);
      }
    });
  }};
}

}  // namespace

std::vector<OpAlgorithms> image_to_float_algorithms() {
  return {{"image_to_float", {{"rows", nullptr, lower}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE

// Dropout: a block of the generator for every four elements.
#include "engine/ops/dropout.h"

#include "backends/cpu/lowering/variant.h"
#include "engine/base/philox.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

Step lower(const BoundNode& node) {
  const float* x = node.input(0);
  const auto* step = node.input<std::int32_t>(1);
  float* y = node.output(0);
  const DropoutMask mask = dropout_mask(node.attributes());
  const std::int64_t count = node.output_spec(0).elements();
  const std::int64_t blocks = (count + 3) / 4;
  const std::int64_t chunks = chunk_count(blocks, 12);
  return {[=](const StepContext& context) {
    const auto number = static_cast<std::uint32_t>(*step);
    context.pool.for_each(chunks, [=](std::int64_t chunk, int) {
      const Range range = chunk_range(blocks, chunks, chunk);
      for (std::int64_t block = range.begin; block < range.end; ++block) {
        const PhiloxBlock random =
            philox(mask.key, {static_cast<std::uint32_t>(block), 0, number, 0});
        const std::int64_t end = std::min(count, 4 * block + 4);
        for (std::int64_t i = 4 * block; i < end; ++i) {
          const bool kept = random[static_cast<std::size_t>(i % 4)] >> 8 >= mask.threshold;
          y[i] = kept ? x[i] * mask.scale : 0.0f;
        }
      }
    });
  }};
}

}  // namespace

std::vector<OpAlgorithms> dropout_algorithms() {
  return {{"dropout", {{"philox", nullptr, lower}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE

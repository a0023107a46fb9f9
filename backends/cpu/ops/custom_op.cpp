// Custom ops: a program's own functions as steps.
#include "tessera/custom_op.h"

#include "backends/cpu/lowering/algorithm.h"
#include "engine/graph/custom_node.h"

namespace tessera::cpu {
namespace {

std::string refuse(const DeviceNode& node) {
  return node.node().op->custom->definition().cpu ? "" : "the op has no implementation for the CPU";
}

CpuNode cpu_node(const BoundNode& context) {
  CpuNode node{custom_node(context.graph(), context.node()), {}, {}};
  for (std::size_t i = 0; i < context.input_count(); ++i)
    node.input_data.push_back(context.input<std::byte>(i));
  for (std::size_t i = 0; i < context.output_count(); ++i)
    node.output_data.push_back(context.output<std::byte>(i));
  return node;
}

Step lower(const BoundNode& context) {
  return {[&run = context.node().op->custom->definition().cpu,
           node = cpu_node(context)](const StepContext& step) {
    run(node, [&pool = step.pool](std::int64_t items, double nanoseconds, const auto& part) {
      const std::int64_t chunks = chunk_count(items, nanoseconds);
      if (items > 0)
        pool.for_each(chunks, [&](std::int64_t chunk, int) {
          const Range range = chunk_range(items, chunks, chunk);
          part(range.begin, range.end);
        });
    });
  }};
}

}  // namespace

Algorithm custom_op_algorithm() { return {"custom", refuse, lower}; }

}  // namespace tessera::cpu

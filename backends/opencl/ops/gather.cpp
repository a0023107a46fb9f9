// Elements chosen by indices, and the gradient, whose work-items share out what they write.
#include "engine/ops/gather.h"

#include <algorithm>

#include "backends/opencl/lowering/algorithm.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/gather_params.h"

GatherParams gather_params(const DeviceNode& l, const GatherGeometry& g, std::int64_t segment,
                           std::int64_t rows) {
  return {.A = l.to_int(g.A),
          .I = l.to_int(g.I),
          .inner = l.to_int(g.inner),
          .outer_step = l.to_int(g.outer_step),
          .step = l.to_int(g.step),
          .inner_step = l.to_int(g.inner_step),
          .segment = l.to_int(segment),
          .rows = l.to_int(rows)};
}

std::int64_t segment_of(const DeviceNode& l) { return l.traits().is_cpu ? 256 : 1; }

void lower(LaunchBuilder& l) {
  const GatherGeometry g = gather_geometry(l.node().op->name, l.input_spec(0).shape,
                                           l.input_spec(1).shape, l.attributes());
  const std::int64_t segment = segment_of(l);
  l.launch_items("gather.cl", l.defines(), "gather",
                 g.outer * g.I * ((g.inner + segment - 1) / segment), 16, l.input(0), l.input(1),
                 l.output(0), gather_params(l, g, segment, 1));
}

void lower_dx(LaunchBuilder& l) {
  const GatherGeometry g = gather_geometry(l.node().op->name, l.output_spec(0).shape,
                                           l.input_spec(0).shape, l.attributes());
  const std::int64_t segment = segment_of(l), segments = (g.inner + segment - 1) / segment;
  // On a CPU a few blocks of rows, since each costs a look at every index.
  const std::int64_t wanted = 2 * std::int64_t{l.traits().compute_units};
  const std::int64_t others = std::max<std::int64_t>(1, g.outer * segments);
  const std::int64_t blocks =
      l.traits().is_cpu
          ? std::clamp<std::int64_t>(wanted / others, 1, std::max<std::int64_t>(1, g.A))
          : std::max<std::int64_t>(1, g.A);
  const std::int64_t rows = std::max<std::int64_t>(1, (g.A + blocks - 1) / blocks);
  l.launch_items("gather.cl", l.defines(), "gather_dx",
                 g.outer * segments * ((g.A + rows - 1) / rows), 1, l.input(0), l.input(1),
                 l.output(0), gather_params(l, g, segment, rows));
}

void lower_one_hot(LaunchBuilder& l) {
  l.launch_items("gather.cl", l.defines(), "one_hot", l.elements(l.output_spec(0)), 256, l.input(0),
                 l.output(0), l.to_int(l.output_spec(0).dim(-1)));
}

}  // namespace

std::vector<OpAlgorithms> gather_algorithms() {
  return {{"gather", {long_offsets({"segments", nullptr, lower})}},
          {"gather_dx", {long_offsets({"segments", nullptr, lower_dx})}},
          {"take", {long_offsets({"segments", nullptr, lower})}},
          {"take_dx", {long_offsets({"segments", nullptr, lower_dx})}},
          {"one_hot", {{"elements", nullptr, lower_one_hot}}}};
}

}  // namespace tessera::opencl

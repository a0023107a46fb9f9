// Bytes to numbers, with padding and normalization per channel.
#include "engine/ops/image_to_float.h"

#include "backends/opencl/lowering/algorithm.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/image_to_float_params.h"

/// Scales of C + V floats side by side, then as many shifts.
std::vector<float> repeated_factors(const DeviceNode& l, std::int64_t C) {
  const std::vector<float> factors = image_factors(l.attributes());
  std::vector<float> table;
  for (std::int64_t which = 0; which < 2; ++which)
    for (std::int64_t i = 0; i < C + l.width(); ++i)
      table.push_back(factors[static_cast<std::size_t>(2 * (i % C) + which)]);
  return table;
}

void lower(LaunchBuilder& l) {
  const Shape& x = l.input_spec(0).shape;
  const Shape& y = l.output_spec(0).shape;
  const std::int64_t segment = l.traits().is_cpu ? std::max<std::int64_t>(y[2], 1) : 1;
  const std::int64_t items = y[0] * y[1] * ((y[2] + segment - 1) / segment);
  l.elements(l.output_spec(0));
  l.launch_items("image_to_float.cl", l.defines(), "image_to_float", items, 4, l.input(0),
                 l.output(0), l.table(repeated_factors(l, x[3])),
                 ImageToFloatParams{.H = l.to_int(x[1]),
                                    .W = l.to_int(x[2]),
                                    .C = l.to_int(x[3]),
                                    .padding = l.to_int(l.attributes().integer("padding")),
                                    .segment = l.to_int(segment)});
}

}  // namespace

std::vector<OpAlgorithms> image_to_float_algorithms() {
  return {{"image_to_float", {{"rows", nullptr, lower}}}};
}

}  // namespace tessera::opencl

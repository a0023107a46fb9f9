// Images seen through an affine transform, and masks of boxes.
#include "backends/opencl/lowering/algorithm.h"
#include "engine/ops/image_to_float.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/augment_params.h"

void lower_transform(LaunchBuilder& l) {
  const Shape& x = l.input_spec(0).shape;
  const Shape& y = l.output_spec(0).shape;
  const std::int64_t segment = l.traits().is_cpu ? y[2] : 1;
  l.elements(l.output_spec(0));
  l.launch_items("augment.cl", l.defines(), "transform_image", y[0] * y[1] * (y[2] / segment), 4,
                 l.input(0), l.input(1), l.output(0), l.table(image_factors(l.attributes())),
                 TransformImageParams{.H = l.to_int(x[1]),
                                      .W = l.to_int(x[2]),
                                      .C = l.to_int(x[3]),
                                      .P = l.to_int(y[1]),
                                      .Q = l.to_int(y[2]),
                                      .padding = l.to_int(l.attributes().integer("padding")),
                                      .replicate = l.to_int(l.attributes().integer("replicate")),
                                      .segment = l.to_int(segment)});
}

void lower_mask(LaunchBuilder& l) {
  const Shape& y = l.output_spec(0).shape;
  l.elements(l.output_spec(0));
  l.launch_items("augment.cl", l.defines(), "box_mask", y[0] * y[1], 16, l.input(0), l.output(0),
                 l.to_int(y[1]), l.to_int(y[2]));
}

}  // namespace

std::vector<OpAlgorithms> augment_algorithms() {
  return {{"transform_image", {{"rows", nullptr, lower_transform}}},
          {"box_mask", {{"rows", nullptr, lower_mask}}}};
}

}  // namespace tessera::opencl

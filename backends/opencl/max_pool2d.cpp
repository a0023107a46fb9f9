// Maximum over windows and its gradient.
#include "backends/opencl/lowering.h"

namespace tessera::opencl {
namespace {

/// `x` [N,H,W,C], `y` [N,P,Q,C]; `items` pixels, `read` the tensor that vectors must not leave.
void launch(Lowering& l, const std::string& kernel, const Shape& x, const Shape& y,
            std::int64_t pixels, const TensorSpec& read, const cl::Buffer& first,
            const cl::Buffer& second, const cl::Buffer& third) {
  const auto& size = l.attributes().integers("kernel");
  const auto& stride = l.attributes().integers("stride");
  const auto& padding = l.attributes().integers("padding");
  l.elements(l.output_spec(0));
  l.launch_items("max_pool2d.cl", l.defines(), kernel,
                 pixels * ((x[3] + l.width() - 1) / l.width()), 8, first, second, third,
                 l.to_int(x[1]), l.to_int(x[2]), l.to_int(x[3]), l.to_int(y[1]), l.to_int(y[2]),
                 l.to_int(size[0]), l.to_int(size[1]), l.to_int(stride[0]), l.to_int(stride[1]),
                 l.to_int(padding[0]), l.to_int(padding[1]), l.elements(read));
}

void lower(Lowering& l) {
  const Shape& y = l.output_spec(0).shape;
  launch(l, "max_pool2d", l.input_spec(0).shape, y, y[0] * y[1] * y[2], l.input_spec(0), l.input(0),
         l.output(0), l.output(1));
}

void lower_dx(Lowering& l) {
  const Shape& dx = l.output_spec(0).shape;
  launch(l, "max_pool2d_dx", dx, l.input_spec(0).shape, dx[0] * dx[1] * dx[2], l.input_spec(0),
         l.input(0), l.input(1), l.output(0));
}

}  // namespace

std::vector<OpLowering> max_pool2d_lowerings() {
  return {{"max_pool2d", {{"windows", never_refuses, lower}}},
          {"max_pool2d_dx", {{"gather", never_refuses, lower_dx}}}};
}

}  // namespace tessera::opencl

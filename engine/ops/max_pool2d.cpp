// max_pool2d(x) -> y, index; index u8 [N,P,Q,C] is the place of the maximum in its window (r*S+s).
// max_pool2d_dx(dy, index) gathers: each input element looks at the windows it lies in.
// Attributes: kernel, stride, padding (each [rows, columns]); the gradient also input_size [H,W].
#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

using ops::check;

std::int64_t output_size(std::int64_t input, std::size_t axis, const Attributes& attributes) {
  const std::int64_t kernel = attributes.integers("kernel")[axis];
  const std::int64_t padding = attributes.integers("padding")[axis];
  check(2 * padding <= kernel, "padding is {}, expected at most half of kernel {}", padding,
        kernel);
  check(input + 2 * padding >= kernel, "kernel reaches over {} {}, expected at most {}", kernel,
        axis == 0 ? "rows" : "columns", input + 2 * padding);
  return (input + 2 * padding - kernel) / attributes.integers("stride")[axis] + 1;
}

void check_attributes(const Attributes& attributes) {
  const struct {
    const char* name;
    std::int64_t least;
  } pairs[] = {{"kernel", 1}, {"stride", 1}, {"padding", 0}};
  for (const auto& pair : pairs) {
    const auto& values = attributes.integers(pair.name);
    check(values.size() == 2 && values[0] >= pair.least && values[1] >= pair.least,
          "{} is {}, expected two numbers of at least {}", pair.name, to_string(values),
          pair.least);
  }
  const auto& kernel = attributes.integers("kernel");
  check(kernel[0] * kernel[1] <= 256, "kernel has {} elements, expected at most 256",
        kernel[0] * kernel[1]);
}

std::vector<TensorSpec> infer(const InferContext& context) {
  ops::check_count(context, 1, 1);
  ops::check_input(context, 0, "input", DType::f32, 4);
  check_attributes(context.attributes);
  const Shape& x = context.inputs[0].shape;
  const Shape y = {x[0], output_size(x[1], 0, context.attributes),
                   output_size(x[2], 1, context.attributes), x[3]};
  return {{DType::f32, y}, {DType::u8, y}};
}

std::vector<TensorSpec> infer_dx(const InferContext& context) {
  ops::check_count(context, 2, 2);
  ops::check_input(context, 0, "dy", DType::f32, 4);
  ops::check_input(context, 1, "index", DType::u8, 4);
  check_attributes(context.attributes);
  const auto& size = context.attributes.integers("input_size");
  check(size.size() == 2, "input_size is {}, expected two numbers", to_string(size));
  const Shape& dy = context.inputs[0].shape;
  const Shape expected = {dy[0], output_size(size[0], 0, context.attributes),
                          output_size(size[1], 1, context.attributes), dy[3]};
  ops::check_shape(context, 0, "dy", expected);
  ops::check_shape(context, 1, "index", expected);
  return {{DType::f32, {dy[0], size[0], size[1], dy[3]}}};
}

void gradient(GradientContext& context) {
  const Shape& x = context.input(0).shape();
  const Attributes& a = context.attributes();
  context.set(0, context.graph().add("max_pool2d_dx", {context.dy(), context.output(1)},
                                     {{"kernel", a.integers("kernel")},
                                      {"stride", a.integers("stride")},
                                      {"padding", a.integers("padding")},
                                      {"input_size", std::vector<std::int64_t>{x[1], x[2]}}},
                                     context.name("dx"))[0]);
}

}  // namespace

Var max_pool2d(Var x, const Pool2dOptions& options, std::string name) {
  const auto pair = [](const std::array<std::int64_t, 2>& values) {
    return std::vector<std::int64_t>(values.begin(), values.end());
  };
  return x.graph().add("max_pool2d", {x},
                       {{"kernel", pair(options.kernel)},
                        {"stride", pair(options.stride)},
                        {"padding", pair(options.padding)}},
                       std::move(name))[0];
}

std::vector<Op> ops::max_pool2d_ops() {
  return {{"max_pool2d", infer, gradient}, {"max_pool2d_dx", infer_dx}};
}

}  // namespace tessera

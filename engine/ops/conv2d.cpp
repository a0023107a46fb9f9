// conv2d(x, w[, b]) and its two gradients: conv2d_dx(dy, w) and conv2d_dw(x, dy).
// Attributes of all three: stride, padding, dilation (each [rows, columns]) and groups. The
// gradients also carry the size they cannot work out: input_size [H,W], kernel_size [R,S].
#include "engine/ops/conv2d.h"

#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

using ops::check;

void check_attributes(const Attributes& attributes) {
  const struct {
    const char* name;
    std::int64_t least;
  } pairs[] = {{"stride", 1}, {"padding", 0}, {"dilation", 1}};
  for (const auto& pair : pairs) {
    const auto& values = attributes.integers(pair.name);
    check(values.size() == 2 && values[0] >= pair.least && values[1] >= pair.least,
          "{} is {}, expected two numbers of at least {}", pair.name, to_string(values),
          pair.least);
  }
  check(attributes.integer("groups") >= 1, "groups is {}, expected at least 1",
        attributes.integer("groups"));
}

std::int64_t output_size(std::int64_t input, std::int64_t kernel, std::size_t axis,
                         const Attributes& attributes) {
  const std::int64_t padded = input + 2 * attributes.integers("padding")[axis];
  const std::int64_t reach = attributes.integers("dilation")[axis] * (kernel - 1) + 1;
  check(kernel >= 1 && padded >= reach, "kernel reaches over {} {}, expected at most {}", reach,
        axis == 0 ? "rows" : "columns", padded);
  return (padded - reach) / attributes.integers("stride")[axis] + 1;
}

void check_channels(std::int64_t input_channels, const Shape& w, std::int64_t groups) {
  check(input_channels % groups == 0, "input has {} channels, expected a multiple of {} groups",
        input_channels, groups);
  check(w[3] == input_channels / groups, "weight has {} input channels, expected {}", w[3],
        input_channels / groups);
  check(w[0] % groups == 0, "weight has {} output channels, expected a multiple of {} groups", w[0],
        groups);
}

std::vector<TensorSpec> infer(const InferContext& context) {
  ops::check_count(context, 2, 3);
  ops::check_input(context, 0, "input", DType::f32, 4);
  ops::check_input(context, 1, "weight", DType::f32, 4);
  check_attributes(context.attributes);
  const Shape& x = context.inputs[0].shape;
  const Shape& w = context.inputs[1].shape;
  check_channels(x[3], w, context.attributes.integer("groups"));
  if (context.inputs.size() == 3) {
    ops::check_input(context, 2, "bias", DType::f32, 1);
    ops::check_shape(context, 2, "bias", {w[0]});
  }
  return {{DType::f32,
           {x[0], output_size(x[1], w[1], 0, context.attributes),
            output_size(x[2], w[2], 1, context.attributes), w[0]}}};
}

/// The output of the forward pass has the shape of dy.
void check_dy(const Shape& dy, std::int64_t n, std::int64_t h, std::int64_t w_columns,
              const Shape& w, const Attributes& attributes) {
  const Shape expected = {n, output_size(h, w[1], 0, attributes),
                          output_size(w_columns, w[2], 1, attributes), w[0]};
  check(dy == expected, "dy has shape {}, expected {}", to_string(dy), to_string(expected));
}

std::vector<TensorSpec> infer_dx(const InferContext& context) {
  ops::check_count(context, 2, 2);
  ops::check_input(context, 0, "dy", DType::f32, 4);
  ops::check_input(context, 1, "weight", DType::f32, 4);
  check_attributes(context.attributes);
  const auto& size = context.attributes.integers("input_size");
  check(size.size() == 2, "input_size is {}, expected two numbers", to_string(size));
  const Shape& dy = context.inputs[0].shape;
  const Shape& w = context.inputs[1].shape;
  const std::int64_t channels = w[3] * context.attributes.integer("groups");
  check_channels(channels, w, context.attributes.integer("groups"));
  check_dy(dy, dy[0], size[0], size[1], w, context.attributes);
  return {{DType::f32, {dy[0], size[0], size[1], channels}}};
}

std::vector<TensorSpec> infer_dw(const InferContext& context) {
  ops::check_count(context, 2, 2);
  ops::check_input(context, 0, "input", DType::f32, 4);
  ops::check_input(context, 1, "dy", DType::f32, 4);
  check_attributes(context.attributes);
  const auto& size = context.attributes.integers("kernel_size");
  check(size.size() == 2, "kernel_size is {}, expected two numbers", to_string(size));
  const Shape& x = context.inputs[0].shape;
  const Shape& dy = context.inputs[1].shape;
  const std::int64_t groups = context.attributes.integer("groups");
  const Shape w = {dy[3], size[0], size[1], x[3] / groups};
  check_channels(x[3], w, groups);
  check_dy(dy, x[0], x[1], x[2], w, context.attributes);
  return {{DType::f32, w}};
}

Attributes with(const Attributes& attributes, const char* name, std::vector<std::int64_t> value) {
  return {{"stride", attributes.integers("stride")},
          {"padding", attributes.integers("padding")},
          {"dilation", attributes.integers("dilation")},
          {"groups", attributes.integer("groups")},
          {name, std::move(value)}};
}

void gradient(GradientContext& context) {
  const Var x = context.input(0), w = context.input(1), dy = context.dy();
  if (context.wants(0))
    context.set(0, context.graph().add(
                       "conv2d_dx", {dy, w},
                       with(context.attributes(), "input_size", {x.shape()[1], x.shape()[2]}),
                       context.name("dx"))[0]);
  if (context.wants(1))
    context.set(1, context.graph().add(
                       "conv2d_dw", {x, dy},
                       with(context.attributes(), "kernel_size", {w.shape()[1], w.shape()[2]}),
                       context.name("dw"))[0]);
  if (context.input_count() == 3 && context.wants(2))
    context.set(2, reshape(sum(dy, {0, 1, 2}, context.name("db")), {dy.shape()[3]}));
}

}  // namespace

Conv2dGeometry conv2d_geometry(const Shape& x, const Shape& w, const Shape& y,
                               const Attributes& attributes) {
  const auto& stride = attributes.integers("stride");
  const auto& padding = attributes.integers("padding");
  const auto& dilation = attributes.integers("dilation");
  return {x[0],       x[1],        x[2],        x[3],
          w[0],       w[1],        w[2],        y[1],
          y[2],       stride[0],   stride[1],   padding[0],
          padding[1], dilation[0], dilation[1], attributes.integer("groups")};
}

Var conv2d(Var x, Var w, std::optional<Var> b, const Conv2dOptions& options, std::string name) {
  std::vector<Var> inputs = {x, w};
  if (b) inputs.push_back(*b);
  const auto pair = [](const std::array<std::int64_t, 2>& values) {
    return std::vector<std::int64_t>(values.begin(), values.end());
  };
  return x.graph().add("conv2d", inputs,
                       {{"stride", pair(options.stride)},
                        {"padding", pair(options.padding)},
                        {"dilation", pair(options.dilation)},
                        {"groups", options.groups}},
                       std::move(name))[0];
}

std::vector<Op> ops::conv2d_ops() {
  return {{"conv2d", infer, gradient}, {"conv2d_dx", infer_dx}, {"conv2d_dw", infer_dw}};
}

}  // namespace tessera

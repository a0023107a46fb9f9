// conv2d(x, w[, b][, residual]) and its two gradients: conv2d_dx(dy, w) and conv2d_dw(x, dy).
// Attributes of all three: stride, dilation (each [rows, columns]), padding [top, bottom, left,
// right] and groups; conv2d may have an activation (epilogue.h). The gradients also have the size
// that they cannot derive: input_size [H,W], kernel_size [R,S]. conv_transpose2d is conv2d_dx,
// whose gradients are conv2d and conv2d_dw.
#include "engine/ops/conv2d.h"

#include <algorithm>

#include "engine/base/checked_size.h"
#include "engine/ops/epilogue.h"
#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

using ops::check;

void check_attributes(const Attributes& attributes) {
  for (const char* name : {"stride", "dilation"}) ops::checked_sizes(attributes, name, 2, 1);
  ops::checked_sizes(attributes, "padding", 4, 0);
  check(attributes.integer("groups") >= 1, "groups is {}, expected at least 1",
        attributes.integer("groups"));
}

/// Returns the extent of a filter, from the first element that it reads to the last.
std::int64_t reach_of(std::int64_t kernel, std::int64_t dilation) {
  constexpr const char* what = "the reach of the filter";
  return checked_add(checked_mul(dilation, checked_sub(kernel, 1, what), what), 1, what);
}

std::int64_t output_size(std::int64_t input, std::int64_t kernel, std::size_t axis,
                         const Attributes& attributes) {
  const auto& padding = attributes.integers("padding");
  const char* const sides = axis == 0 ? "rows" : "columns";
  check(input >= 0 && input <= ops::most_size, "input has {} {}, expected 0 to {}", input, sides,
        ops::most_size);
  const std::int64_t padded = input + padding[2 * axis] + padding[2 * axis + 1];
  const std::int64_t reach = reach_of(kernel, attributes.integers("dilation")[axis]);
  check(kernel >= 1 && padded >= reach, "kernel covers {} {}, expected at most {}", reach, sides,
        padded);
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
  ops::check_count(context, 2, 4);
  ops::check_input(context, 0, "input", DType::f32, 4);
  ops::check_input(context, 1, "weight", DType::f32, 4);
  check_attributes(context.attributes);
  const Shape& x = context.inputs[0].shape;
  const Shape& w = context.inputs[1].shape;
  check_channels(x[3], w, context.attributes.integer("groups"));
  const TensorSpec y = {DType::f32,
                        {x[0], output_size(x[1], w[1], 0, context.attributes),
                         output_size(x[2], w[2], 1, context.attributes), w[0]}};
  check_epilogue(context, y);
  return {y};
}

/// Throws Error unless dy has the shape of the forward output.
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
  const std::int64_t channels =
      checked_mul(w[3], context.attributes.integer("groups"), "the number of channels");
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

/// Returns the attributes that a convolution and its gradients share.
Attributes common(const Attributes& attributes) {
  return {{"stride", attributes.integers("stride")},
          {"padding", attributes.integers("padding")},
          {"dilation", attributes.integers("dilation")},
          {"groups", attributes.integer("groups")}};
}

Attributes with(const Attributes& attributes, const char* name, std::vector<std::int64_t> value) {
  auto all = common(attributes).all();
  all[name] = std::move(value);
  return Attributes(std::move(all));
}

Var conv2d_dx(Var dy, Var w, const Attributes& attributes, Shape input_size, std::string name) {
  return dy.graph().add("conv2d_dx", {dy, w}, with(attributes, "input_size", std::move(input_size)),
                        std::move(name))[0];
}

Var conv2d_dw(Var x, Var dy, const Attributes& attributes, const Shape& w, std::string name) {
  return x.graph().add("conv2d_dw", {x, dy}, with(attributes, "kernel_size", {w[1], w[2]}),
                       std::move(name))[0];
}

void gradient(GradientContext& context) {
  const Var x = context.input(0), w = context.input(1), dy = gradient_of_epilogue(context);
  if (context.wants(0))
    context.set(0, conv2d_dx(dy, w, context.attributes(), {x.shape()[1], x.shape()[2]},
                             context.name("dx")));
  if (context.wants(1))
    context.set(1, conv2d_dw(x, dy, context.attributes(), w.shape(), context.name("dw")));
}

void gradient_of_dx(GradientContext& context) {
  const Var dy = context.input(0), w = context.input(1), ddx = context.dy();
  if (context.wants(0))
    context.set(0, context.graph().add("conv2d", {ddx, w}, common(context.attributes()),
                                       context.name("dx"))[0]);
  if (context.wants(1))
    context.set(1, conv2d_dw(ddx, dy, context.attributes(), w.shape(), context.name("dw")));
}

Shape pair(const std::array<std::int64_t, 2>& values) { return {values.begin(), values.end()}; }

/// Returns the padding before and after one axis for `same`.
std::array<std::int64_t, 2> same_padding(std::int64_t size, std::int64_t kernel,
                                         std::int64_t stride, std::int64_t dilation, bool lower) {
  if (stride < 1) return {0, 0};  // infer reports the error
  const std::int64_t outputs = size / stride + (size % stride == 0 ? 0 : 1);
  const std::int64_t last = std::max<std::int64_t>(0, outputs - 1) * stride;
  const std::int64_t needed = checked_add(last, reach_of(kernel, dilation), "the padding");
  const std::int64_t total = std::max<std::int64_t>(0, needed - size);
  const std::int64_t before = lower ? (total + 1) / 2 : total / 2;
  return {before, total - before};
}

Shape padding_of(Var x, Var w, const Conv2dOptions& options) {
  const Padding2d& padding = options.padding;
  if (padding.kind == Padding2d::Kind::sizes || x.spec().rank() != 4 || w.spec().rank() != 4)
    return {padding.top, padding.bottom, padding.left, padding.right};
  const bool lower = padding.kind == Padding2d::Kind::same_lower;
  const auto [top, bottom] =
      same_padding(x.shape()[1], w.shape()[1], options.stride[0], options.dilation[0], lower);
  const auto [left, right] =
      same_padding(x.shape()[2], w.shape()[2], options.stride[1], options.dilation[1], lower);
  return {top, bottom, left, right};
}

/// Returns the rows or columns of the result of a transposed convolution, at least 1.
std::int64_t transposed_axis(const ConvTranspose2dOptions& options, Var x, Var w,
                             std::size_t axis) {
  const std::int64_t extra = options.output_padding[axis], stride = options.stride[axis];
  const std::int64_t dilation = options.dilation[axis];
  check(extra >= 0 && extra < std::max(stride, dilation),
        "output_padding is {}, expected at least 0 and less than the stride {} or the dilation {}",
        extra, stride, dilation);
  constexpr const char* what = "the size of the result";
  const Padding2d& padding = options.padding;
  const std::int64_t cut = axis == 0 ? checked_add(padding.top, padding.bottom, what)
                                     : checked_add(padding.left, padding.right, what);
  const std::int64_t steps = checked_mul(x.shape()[axis + 1] - 1, stride, what);
  const std::int64_t reach = reach_of(w.shape()[axis + 1], dilation);
  const std::int64_t full = checked_add(checked_add(steps, reach, what), extra, what);
  check(full > cut, "padding cuts off {} of {} {}, expected less", cut, full,
        axis == 0 ? "rows" : "columns");
  return checked_sub(full, cut, what);
}

/// Subtracts an output_padding of a stride or more from the padding at the end; the rest becomes
/// zeros, since no conv2d has these rows or columns in its input with so few windows.
PadWidths zeros_behind(const ConvTranspose2dOptions& options, Shape& size, Padding2d& padding) {
  PadWidths zeros(4);
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const std::int64_t extra = options.output_padding[axis];
    if (extra < options.stride[axis]) continue;
    std::int64_t& end = axis == 0 ? padding.bottom : padding.right;
    zeros[axis + 1][1] = std::max<std::int64_t>(0, extra - end);
    size[axis] -= zeros[axis + 1][1];
    end = std::max<std::int64_t>(0, end - extra);
  }
  return zeros;
}

/// Returns the rows and columns of the result.
Shape transposed_size(const ConvTranspose2dOptions& options, Var x, Var w, std::optional<Var> b) {
  check(x.spec().rank() == 4, "input is {}, expected 4 dimensions", to_string(x.spec()));
  check(w.spec().rank() == 4, "weight is {}, expected 4 dimensions", to_string(w.spec()));
  check(x.shape()[3] == w.shape()[0], "weight has {} input channels, expected {}", w.shape()[0],
        x.shape()[3]);
  const Shape channels = {checked_mul(w.shape()[3], options.groups, "the number of channels")};
  check(!b || b->shape() == channels, "bias has shape {}, expected {}",
        to_string(b ? b->shape() : Shape{}), to_string(channels));
  check(options.padding.kind == Padding2d::Kind::sizes, "padding is 'same', expected numbers");
  return {transposed_axis(options, x, w, 0), transposed_axis(options, x, w, 1)};
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
          padding[2], dilation[0], dilation[1], attributes.integer("groups")};
}

Var conv2d(Var x, Var w, std::optional<Var> b, const Conv2dOptions& options, std::string name) {
  std::vector<Var> inputs = {x, w};
  if (b) inputs.push_back(*b);
  return x.graph().add("conv2d", inputs,
                       {{"stride", pair(options.stride)},
                        {"padding", padding_of(x, w, options)},
                        {"dilation", pair(options.dilation)},
                        {"groups", options.groups}},
                       std::move(name))[0];
}

Var conv1d(Var x, Var w, std::optional<Var> b, const Conv1dOptions& options, std::string name) {
  const auto as_row = [&](Var of, const char* what) {
    const Shape& shape = of.shape();
    if (shape.size() != 3)
      throw Error("conv1d", fmt::format("{} is {}, expected 3 dimensions (node '{}')", what,
                                        to_string(of.spec()), name));
    return reshape(of, {shape[0], 1, shape[1], shape[2]});
  };
  const Var y = conv2d(as_row(x, "input"), as_row(w, "weight"), b,
                       {.stride = {1, options.stride},
                        .padding = {0, 0, options.padding[0], options.padding[1]},
                        .dilation = {1, options.dilation},
                        .groups = options.groups},
                       name);
  return reshape(y, {y.shape()[0], y.shape()[2], y.shape()[3]});
}

Var conv_transpose2d(Var x, Var w, std::optional<Var> b, const ConvTranspose2dOptions& options,
                     std::string name) {
  Shape size;
  try {
    size = transposed_size(options, x, w, b);
  } catch (const Error& error) {
    throw Error("conv_transpose2d", fmt::format("{} (node '{}')", error.what(), name));
  }
  Padding2d padding = options.padding;
  const PadWidths zeros = zeros_behind(options, size, padding);
  const Attributes attributes = {
      {"stride", pair(options.stride)},
      {"padding", Shape{padding.top, padding.bottom, padding.left, padding.right}},
      {"dilation", pair(options.dilation)},
      {"groups", options.groups}};
  Var y = conv2d_dx(x, w, attributes, size, name);
  if (zeros != PadWidths(4)) y = pad(y, zeros);
  return b ? add(y, *b) : y;
}

std::vector<Op> ops::conv2d_ops() {
  const std::string attributes =
      "stride, dilation (rows, columns), padding (top, bottom, left, right), groups";
  return {
      {.name = "conv2d",
       .infer = infer,
       .gradient = gradient,
       .doc = {"y[n,p,q,k] = activation(b[k] + residual[n,p,q,k] + sum over r,s,c of w[k,r,s,c] * "
               "x[n, p*stride + r*dilation - padding, ..., c])",
               "x f32 [N,H,W,C], w f32 [K,R,S,C/groups], (b f32 [K]), (residual f32 [N,P,Q,K]) -> "
               "y f32 [N,P,Q,K]; P = floor((H + padding - dilation*(R-1) - 1) / stride) + 1",
               attributes + ", (activation: relu or relu6)"}},
      {.name = "conv2d_dx",
       .infer = infer_dx,
       .gradient = gradient_of_dx,
       .doc = {"the gradient of conv2d with respect to x, which is conv_transpose2d",
               "dy f32 [N,P,Q,K], w f32 [K,R,S,C/groups] -> dx f32 [N,H,W,C]",
               "those of conv2d; input_size (H, W)"}},
      {.name = "conv2d_dw",
       .infer = infer_dw,
       .doc = {"the gradient of conv2d with respect to w",
               "x f32 [N,H,W,C], dy f32 [N,P,Q,K] -> dw f32 [K,R,S,C/groups]",
               "those of conv2d; kernel_size (R, S)"}}};
}

}  // namespace tessera

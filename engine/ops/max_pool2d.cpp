// max_pool2d(x) -> y, index; index u8 [N,P,Q,C] is the position of the maximum in its window
// (r*S+s). max_pool2d_dx(dy, index) gathers: each input element reads the windows that contain it.
// Attributes: kernel, stride, padding (each [rows, columns]), ceil_mode (0 or 1); the gradient also
// input_size [H,W]. max_pool2d_windows and its gradient do the same for all other windows:
// attribute dilation, or only output_size [P,Q] for adaptive ones; index i32 is the position in the
// image (h*W+w).
#include "engine/ops/max_pool2d.h"

#include <algorithm>

#include "engine/base/checked_size.h"
#include "engine/ops/op_table.h"
#include "engine/ops/pool_windows.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

using ops::check;
using Integers = std::vector<std::int64_t>;

const char* const side_names[] = {"rows", "columns"};

const Integers& checked_pair(const Attributes& attributes, const char* name, std::int64_t least) {
  return ops::checked_sizes(attributes, name, 2, least);
}

bool is_adaptive(const Attributes& attributes) { return attributes.has("output_size"); }

PoolAxis pool_axis(const Attributes& attributes, std::size_t axis) {
  return {checked_pair(attributes, "kernel", 1)[axis], checked_pair(attributes, "stride", 1)[axis],
          checked_pair(attributes, "padding", 0)[axis],
          attributes.has("dilation") ? checked_pair(attributes, "dilation", 1)[axis] : 1,
          attributes.integer("ceil_mode") != 0};
}

std::int64_t output_size(std::int64_t input, std::size_t axis, const Attributes& attributes) {
  if (!is_adaptive(attributes))
    return pool_output_size(input, pool_axis(attributes, axis), side_names[axis]);
  check(input >= 1 && input <= ops::most_size, "input has {} {}, expected 1 to {}", input,
        side_names[axis], ops::most_size);
  return checked_pair(attributes, "output_size", 1)[axis];
}

Shape output_shape(const Shape& x, const Attributes& attributes) {
  return {x[0], output_size(x[1], 0, attributes), output_size(x[2], 1, attributes), x[3]};
}

/// Throws Error unless a position in the window fits in a byte, or a position in the image in an
/// i32.
void check_index(DType index, const Shape& x, const Attributes& attributes) {
  if (index == DType::u8) {
    const Integers& kernel = checked_pair(attributes, "kernel", 1);
    const std::int64_t elements = checked_mul(kernel[0], kernel[1], "the kernel");
    check(elements <= 256, "kernel has {} elements, expected at most 256", elements);
  } else {
    const std::int64_t pixels = checked_mul(x[1], x[2], "the number of pixels");
    check(pixels <= ops::most_size, "images have {} pixels, expected at most {}", pixels,
          ops::most_size);
  }
}

template <DType index>
std::vector<TensorSpec> infer(const InferContext& context) {
  ops::check_count(context, 1, 1);
  ops::check_input(context, 0, "input", DType::f32, 4);
  check_index(index, context.inputs[0].shape, context.attributes);
  const Shape y = output_shape(context.inputs[0].shape, context.attributes);
  return {{DType::f32, y}, {index, y}};
}

template <DType index>
std::vector<TensorSpec> infer_dx(const InferContext& context) {
  ops::check_count(context, 2, 2);
  ops::check_input(context, 0, "dy", DType::f32, 4);
  ops::check_input(context, 1, "index", index, 4);
  const Integers& size = checked_pair(context.attributes, "input_size", 1);
  const Shape& dy = context.inputs[0].shape;
  const Shape dx = {dy[0], size[0], size[1], dy[3]};
  check_index(index, dx, context.attributes);
  const Shape expected = output_shape(dx, context.attributes);
  ops::check_shape(context, 0, "dy", expected);
  ops::check_shape(context, 1, "index", expected);
  return {{DType::f32, dx}};
}

void gradient(GradientContext& context) {
  const Shape& x = context.input(0).shape();
  auto attributes = context.attributes().all();
  attributes["input_size"] = Integers{x[1], x[2]};
  const bool bytes = context.output(1).spec().dtype == DType::u8;
  context.set(0, context.graph().add(bytes ? "max_pool2d_dx" : "max_pool2d_windows_dx",
                                     {context.dy(), context.output(1)},
                                     Attributes(std::move(attributes)), context.name("dx"))[0]);
}

PoolTable pool_table(std::int64_t input, std::size_t axis, const Attributes& attributes) {
  const std::int64_t output = output_size(input, axis, attributes);
  PoolTable table{
      is_adaptive(attributes) ? 1 : pool_axis(attributes, axis).dilation, {}, {}, {}, {}};
  table.first.assign(static_cast<std::size_t>(input), static_cast<std::int32_t>(output));
  table.last.assign(static_cast<std::size_t>(input), 0);
  for (std::int64_t p = 0; p < output; ++p) {
    const PoolWindow window = is_adaptive(attributes)
                                  ? adaptive_pool_window(input, output, p)
                                  : pool_window(input, pool_axis(attributes, axis), p);
    table.begin.push_back(static_cast<std::int32_t>(window.begin));
    table.end.push_back(static_cast<std::int32_t>(window.end));
    for (std::int64_t i = window.begin; i < window.end; i += table.step) {
      const auto at = static_cast<std::size_t>(i);
      table.first[at] = std::min(table.first[at], static_cast<std::int32_t>(p));
      table.last[at] = static_cast<std::int32_t>(p + 1);
    }
  }
  return table;
}

}  // namespace

std::array<PoolTable, 2> max_pool2d_tables(const std::array<std::int64_t, 2>& input,
                                           const Attributes& attributes) {
  return {pool_table(input[0], 0, attributes), pool_table(input[1], 1, attributes)};
}

Var max_pool2d(Var x, const Pool2dOptions& options, std::string name) {
  const auto pair = [](const std::array<std::int64_t, 2>& values) {
    return Integers(values.begin(), values.end());
  };
  std::map<std::string, Attribute, std::less<>> attributes = {
      {"kernel", pair(options.kernel)},
      {"stride", pair(pool_stride(options.stride, options.kernel))},
      {"padding", pair(options.padding)},
      {"ceil_mode", std::int64_t{options.ceil_mode}}};
  const bool dense = options.dilation == std::array<std::int64_t, 2>{1, 1};
  const auto is_byte = [](std::int64_t size) { return size >= 1 && size <= 256; };
  const bool small = is_byte(options.kernel[0]) && is_byte(options.kernel[1]) &&
                     options.kernel[0] * options.kernel[1] <= 256;
  if (!dense || !small) attributes["dilation"] = pair(options.dilation);
  return x.graph().add(dense && small ? "max_pool2d" : "max_pool2d_windows", {x},
                       Attributes(std::move(attributes)), std::move(name))[0];
}

Var adaptive_max_pool2d(Var x, const std::array<std::int64_t, 2>& size, std::string name) {
  return x.graph().add("max_pool2d_windows", {x}, {{"output_size", Integers{size[0], size[1]}}},
                       std::move(name))[0];
}

Var global_max_pool2d(Var x, std::string name) {
  return adaptive_max_pool2d(x, {1, 1}, std::move(name));
}

std::vector<Op> ops::max_pool2d_ops() {
  const std::string attributes = "kernel, stride, padding (rows, columns), ceil_mode";
  return {{.name = "max_pool2d",
           .infer = infer<DType::u8>,
           .gradient = gradient,
           .doc = {"y = the maximum over each window, index its position r*S+s in the window",
                   "x f32 [N,H,W,C] -> y f32 [N,P,Q,C], index u8 [N,P,Q,C]", attributes}},
          {.name = "max_pool2d_dx",
           .infer = infer_dx<DType::u8>,
           .doc = {"dx = the sum of dy over the windows in which the element is the maximum",
                   "dy f32 [N,P,Q,C], index u8 [N,P,Q,C] -> dx f32 [N,H,W,C]",
                   "those of max_pool2d; input_size (H, W)"}},
          {.name = "max_pool2d_windows",
           .infer = infer<DType::i32>,
           .gradient = gradient,
           .doc = {"max_pool2d with dilation, with large or with adaptive windows; index is h*W+w",
                   "x f32 [N,H,W,C] -> y f32 [N,P,Q,C], index i32 [N,P,Q,C]",
                   "those of max_pool2d and dilation; or output_size (P, Q)"}},
          {.name = "max_pool2d_windows_dx",
           .infer = infer_dx<DType::i32>,
           .doc = {"the gradient of max_pool2d_windows",
                   "dy f32 [N,P,Q,C], index i32 [N,P,Q,C] -> dx f32 [N,H,W,C]",
                   "those of max_pool2d_windows; input_size (H, W)"}}};
}

}  // namespace tessera

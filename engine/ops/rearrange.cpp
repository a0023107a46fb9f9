// Pure data movements, all one strided copy: permute (axes), flip (axes), slice and its gradient
// slice_dx (axis, start, step, size), pad (before, after, value), expand (shape), concat (axis).
// The gradient of each is one of these ops; that of expand is a sum.
#include "engine/ops/rearrange.h"

#include <algorithm>
#include <bit>

#include "engine/base/checked_size.h"
#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

using ops::check;
using Integers = std::vector<std::int64_t>;

void check_axis(std::int64_t axis, std::int64_t rank) {
  check(axis >= 0 && axis < rank, "axis is {}, expected 0 to {}", axis, rank - 1);
}

void check_axes(const Integers& axes, std::int64_t rank) {
  std::vector<bool> seen(static_cast<std::size_t>(rank), false);
  for (std::int64_t axis : axes) {
    check_axis(axis, rank);
    check(!seen[static_cast<std::size_t>(axis)], "axis {} is repeated", axis);
    seen[static_cast<std::size_t>(axis)] = true;
  }
}

std::vector<TensorSpec> infer_permute(const InferContext& context) {
  ops::check_count(context, 1, 1);
  const TensorSpec& x = context.inputs[0];
  const Integers& axes = context.attributes.integers("axes");
  check(static_cast<std::int64_t>(axes.size()) == x.rank(), "axes are {}, expected {} of them",
        to_string(axes), x.rank());
  check_axes(axes, x.rank());
  Shape y;
  for (std::int64_t axis : axes) y.push_back(x.dim(axis));
  return {{x.dtype, y}};
}

void gradient_of_permute(GradientContext& context) {
  const Integers& axes = context.attributes().integers("axes");
  Integers inverse(axes.size());
  for (std::size_t i = 0; i < axes.size(); ++i)
    inverse[static_cast<std::size_t>(axes[i])] = static_cast<std::int64_t>(i);
  context.set(0, permute(context.dy(), inverse, context.name("dx")));
}

std::vector<TensorSpec> infer_flip(const InferContext& context) {
  ops::check_count(context, 1, 1);
  check_axes(context.attributes.integers("axes"), context.inputs[0].rank());
  return {context.inputs[0]};
}

void gradient_of_flip(GradientContext& context) {
  context.set(0, flip(context.dy(), context.attributes().integers("axes"), context.name("dx")));
}

/// Checks `size` positions from `start`, `step` apart, inside `whole`, for slice and slice_dx.
void check_slice(const Attributes& attributes, std::int64_t whole) {
  const std::int64_t start = attributes.integer("start"), step = attributes.integer("step");
  const std::int64_t size = attributes.integer("size");
  check(step >= 1, "step is {}, expected at least 1", step);
  check(size >= 0, "size is {}, expected at least 0", size);
  check(start >= 0 && start <= whole &&
            (size == 0 || (start < whole && size - 1 <= (whole - 1 - start) / step)),
        "positions {} + {} * [0,{}) are outside dimension {} of {} elements", start, step, size,
        attributes.integer("axis"), whole);
}

std::vector<TensorSpec> infer_slice(const InferContext& context) {
  ops::check_count(context, 1, 1);
  TensorSpec y = context.inputs[0];
  const std::int64_t axis = context.attributes.integer("axis");
  check_axis(axis, y.rank());
  check_slice(context.attributes, y.dim(axis));
  y.shape[static_cast<std::size_t>(axis)] = context.attributes.integer("size");
  return {y};
}

std::vector<TensorSpec> infer_slice_dx(const InferContext& context) {
  ops::check_count(context, 1, 1);
  TensorSpec dx = context.inputs[0];
  const std::int64_t axis = context.attributes.integer("axis");
  check_axis(axis, dx.rank());
  const std::int64_t size = context.attributes.integer("size");
  check(dx.dim(axis) == size, "dy has {} elements along dimension {}, expected {}", dx.dim(axis),
        axis, size);
  check_slice(context.attributes, context.attributes.integer("input_size"));
  dx.shape[static_cast<std::size_t>(axis)] = context.attributes.integer("input_size");
  return {dx};
}

void gradient_of_slice(GradientContext& context) {
  const Attributes& a = context.attributes();
  context.set(0,
              context.graph().add("slice_dx", {context.dy()},
                                  {{"axis", a.integer("axis")},
                                   {"start", a.integer("start")},
                                   {"step", a.integer("step")},
                                   {"size", a.integer("size")},
                                   {"input_size", context.input(0).spec().dim(a.integer("axis"))}},
                                  context.name("dx"))[0]);
}

std::vector<TensorSpec> infer_pad(const InferContext& context) {
  ops::check_count(context, 1, 1);
  TensorSpec y = context.inputs[0];
  const Integers& before = context.attributes.integers("before");
  const Integers& after = context.attributes.integers("after");
  check(before.size() == y.shape.size() && after.size() == y.shape.size(),
        "widths are for {} dimensions, expected {}", std::max(before.size(), after.size()),
        y.shape.size());
  const double value = context.attributes.number("value");
  check(y.dtype == DType::f32 || (value >= -0x1p31 && value < 0x1p32),
        "value is {}, expected a value that {} can represent", value, to_string(y.dtype));
  for (std::size_t i = 0; i < y.shape.size(); ++i) {
    for (const std::int64_t width : {before[i], after[i]})
      check(std::clamp(width, -ops::most_size, ops::most_size) == width,
            "width is {}, expected {} to {}", width, -ops::most_size, ops::most_size);
    const std::int64_t size = y.shape[i] + before[i] + after[i];
    check(size >= 0, "widths {} and {} leave nothing of {} elements", before[i], after[i],
          y.shape[i]);
    y.shape[i] = size;
  }
  return {y};
}

/// The negated widths remove the padding and add zeros for removed elements.
void gradient_of_pad(GradientContext& context) {
  PadWidths widths;
  const Integers& before = context.attributes().integers("before");
  const Integers& after = context.attributes().integers("after");
  for (std::size_t i = 0; i < before.size(); ++i) widths.push_back({-before[i], -after[i]});
  context.set(0, pad(context.dy(), widths, 0, context.name("dx")));
}

std::vector<TensorSpec> infer_expand(const InferContext& context) {
  ops::check_count(context, 1, 1);
  const TensorSpec& x = context.inputs[0];
  const Shape& shape = context.attributes.integers("shape");
  bool fits = shape.size() >= x.shape.size();
  for (std::size_t i = 1; fits && i <= x.shape.size(); ++i) {
    const std::int64_t size = x.shape[x.shape.size() - i];
    fits = size == 1 || size == shape[shape.size() - i];
  }
  check(fits, "{} does not expand to {}", to_string(x), to_string(shape));
  return {{x.dtype, shape}};
}

void gradient_of_expand(GradientContext& context) {
  const Shape x =
      context.input(0).shape();  // copied, since appending nodes moves the shapes of a graph
  const Shape& y = context.dy().shape();
  Integers axes;
  for (std::size_t axis = 0; axis < y.size(); ++axis) {
    const std::size_t extra = y.size() - x.size();
    if (axis < extra || x[axis - extra] != y[axis]) axes.push_back(static_cast<std::int64_t>(axis));
  }
  const Var dy = context.dy();
  context.set(0, reshape(axes.empty() ? dy : sum(dy, axes, {}, context.name("dx")), x));
}

std::vector<TensorSpec> infer_concat(const InferContext& context) {
  check(!context.inputs.empty(), "has no inputs, expected at least 1");
  TensorSpec y = context.inputs[0];
  const std::int64_t axis = context.attributes.integer("axis");
  check_axis(axis, y.rank());
  std::int64_t& size = y.shape[static_cast<std::size_t>(axis)];
  for (std::size_t i = 1; i < context.inputs.size(); ++i) {
    TensorSpec other = context.inputs[i];
    check(other.rank() == y.rank(), "input {} is {}, expected {} dimensions", i, to_string(other),
          y.rank());
    const std::int64_t own = other.dim(axis);
    other.shape[static_cast<std::size_t>(axis)] = size;
    check(other == y, "input {} is {}, expected {} but for dimension {}", i,
          to_string(context.inputs[i]), to_string(context.inputs[0]), axis);
    size = checked_add(size, own, "the size of the result");
  }
  return {y};
}

void gradient_of_concat(GradientContext& context) {
  const std::int64_t axis = context.attributes().integer("axis");
  std::int64_t start = 0;
  for (std::size_t i = 0; i < context.input_count(); ++i) {
    const std::int64_t size = context.input(i).spec().dim(axis);
    if (context.wants(i))
      context.set(i, slice(context.dy(), axis, start, start + size, 1,
                           context.name(fmt::format("dx{}", i))));
    start += size;
  }
}

/// Returns the stride of each dimension.
Integers strides_of(const Shape& shape) {
  Integers strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

/// Returns the copy of `x` to the start of `y`, with one index per axis.
StridedCopy plain_copy(const Shape& x, const Shape& y) {
  StridedCopy copy;
  const Integers from = strides_of(x), to = strides_of(y);
  for (std::size_t i = 0; i < x.size(); ++i)
    copy.axes.push_back({x[i], 0, x[i], from[i], 1, to[i]});
  return copy;
}

/// Merges adjacent axes that are contiguous in x and y.
void merge_axes(StridedCopy& copy) {
  std::vector<CopyAxis> merged;
  for (const CopyAxis& axis : copy.axes) {
    const bool full = axis.begin == 0 && axis.end == axis.size && axis.every == 1;
    if (full && axis.size == 1) continue;
    if (!merged.empty()) {
      CopyAxis& outer = merged.back();
      if (full && outer.every == 1 && outer.stride == axis.stride * axis.size &&
          outer.y_stride == axis.y_stride * axis.size) {
        outer = {
            outer.size * axis.size, outer.begin * axis.size, outer.end * axis.size, axis.stride, 1,
            axis.y_stride};
        continue;
      }
    }
    merged.push_back(axis);
  }
  // The last axis may have a stride in y, as in the concatenation of columns of width 1.
  if (merged.empty() || merged.back().y_stride != 1) merged.push_back({1, 0, 1, 1, 1, 1});
  copy.axes = std::move(merged);
}

}  // namespace

std::int64_t StridedCopy::rows() const {
  std::int64_t rows = 1;
  for (std::size_t i = 0; i + 1 < axes.size(); ++i) rows *= axes[i].size;
  return rows;
}

StridedCopy rearrangement(std::string_view op, const std::vector<TensorSpec>& inputs, std::size_t i,
                          const TensorSpec& output, const Attributes& attributes) {
  const Shape& x = inputs[i].shape;
  const Shape& y = output.shape;
  const Integers x_strides = strides_of(x), y_strides = strides_of(y);
  StridedCopy copy = plain_copy(x, y);
  if (op == "permute") {
    const Integers& axes = attributes.integers("axes");
    for (std::size_t axis = 0; axis < y.size(); ++axis) {
      const std::int64_t stride = x_strides[static_cast<std::size_t>(axes[axis])];
      copy.axes[axis] = {y[axis], 0, y[axis], stride, 1, y_strides[axis]};
    }
  } else if (op == "flip") {
    for (std::int64_t number : attributes.integers("axes")) {
      CopyAxis& axis = copy.axes[static_cast<std::size_t>(number)];
      copy.x_start += (axis.size - 1) * axis.stride;
      axis.stride = -axis.stride;
    }
  } else if (op == "slice" || op == "slice_dx") {
    const std::int64_t start = attributes.integer("start"), step = attributes.integer("step");
    const std::int64_t size = attributes.integer("size");
    const auto number = static_cast<std::size_t>(attributes.integer("axis"));
    CopyAxis& axis = copy.axes[number];
    if (op == "slice") {
      copy.x_start = start * axis.stride;
      // With a single element the step is meaningless and may be any number.
      axis = {size, 0, size, size > 1 ? axis.stride * step : axis.stride, 1, axis.y_stride};
    } else {
      const std::int64_t end = size == 0 ? start : start + (size - 1) * step + 1;
      axis = {y[number], start, end, axis.stride, size > 1 ? step : 1, axis.y_stride};
    }
  } else if (op == "pad") {
    const Integers& before = attributes.integers("before");
    for (std::size_t number = 0; number < y.size(); ++number) {
      CopyAxis& axis = copy.axes[number];
      const std::int64_t begin = std::max<std::int64_t>(0, before[number]);
      const std::int64_t end = std::clamp(before[number] + x[number], begin, y[number]);
      copy.x_start += (begin - before[number]) * axis.stride;
      axis = {y[number], begin, end, axis.stride, 1, axis.y_stride};
    }
  } else if (op == "expand") {
    StridedCopy repeated = plain_copy(y, y);
    const std::size_t extra = y.size() - x.size();
    for (std::size_t axis = 0; axis < y.size(); ++axis)
      repeated.axes[axis].stride =
          axis < extra || x[axis - extra] != y[axis] ? 0 : x_strides[axis - extra];
    copy = std::move(repeated);
  } else {  // concat
    const std::int64_t axis = attributes.integer("axis");
    for (std::size_t before = 0; before < i; ++before)
      copy.y_start += inputs[before].dim(axis) * y_strides[static_cast<std::size_t>(axis)];
  }
  merge_axes(copy);
  return copy;
}

std::uint32_t fill_bits(DType dtype, const Attributes& attributes) {
  const double value = attributes.has("value") ? attributes.number("value") : 0;
  return dtype == DType::f32 ? std::bit_cast<std::uint32_t>(static_cast<float>(value))
                             : static_cast<std::uint32_t>(static_cast<std::int64_t>(value));
}

std::vector<Op> ops::rearrange_ops() {
  return {{.name = "permute",
           .infer = infer_permute,
           .gradient = gradient_of_permute,
           .doc = {"dimension i of y is dimension axes[i] of x", "x [...] -> y [...], any type",
                   "axes"}},
          {.name = "flip",
           .infer = infer_flip,
           .gradient = gradient_of_flip,
           .doc = {"x with the elements along the axes reversed",
                   "x [...] -> y of the same shape, any type", "axes"}},
          {.name = "slice",
           .infer = infer_slice,
           .gradient = gradient_of_slice,
           .doc = {"y = x[start], x[start + step], ... along the axis",
                   "x [...,n,...] -> y [...,size,...], any type", "axis, start, step, size"}},
          {.name = "slice_dx",
           .infer = infer_slice_dx,
           .doc = {"the gradient of slice: zeros with dy at the sliced positions",
                   "dy [...,m,...] -> dx [...,n,...]", "axis, start, step, size (n)"}},
          {.name = "pad",
           .infer = infer_pad,
           .gradient = gradient_of_pad,
           .doc = {"x padded with one value; negative widths crop",
                   "x [n,...] -> y [before + n + after,...], any type",
                   "before, after (a number for each dimension), value"}},
          {.name = "expand",
           .infer = infer_expand,
           .gradient = gradient_of_expand,
           .doc = {"x repeated along dimensions of size 1 and new leading ones",
                   "x [...] -> y [shape], any type", "shape"}},
          {.name = "concat",
           .infer = infer_concat,
           .gradient = gradient_of_concat,
           .doc = {"the inputs one after the other along the axis",
                   "x0 [...,n0,...], x1 [...,n1,...], ... -> y [...,n0+n1+...,...], any type",
                   "axis"}}};
}

}  // namespace tessera

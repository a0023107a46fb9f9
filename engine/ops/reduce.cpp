// Reductions over the attribute `axes`, which keep size 1: those of engine/formulas/reductions.h,
// and argmax and argmin, whose result is i32. Variance and norms are composed of them. Gradients
// are composed of elementwise ops.
#include "engine/ops/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/ops/arguments.h"
#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

using Integers = std::vector<std::int64_t>;

Shape reduced(Shape shape, const Integers& axes) {
  const auto rank = static_cast<std::int64_t>(shape.size());
  std::vector<bool> seen(shape.size(), false);
  for (std::int64_t axis : axes) {
    ops::check(axis >= 0 && axis < rank, "axis is {}, expected 0 to {}", axis, rank - 1);
    ops::check(!seen[static_cast<std::size_t>(axis)], "axis {} is repeated", axis);
    seen[static_cast<std::size_t>(axis)] = true;
    shape[static_cast<std::size_t>(axis)] = 1;
  }
  return shape;
}

std::vector<TensorSpec> infer(const InferContext& context) {
  ops::check_count(context, 1, 1);
  ops::check_input(context, 0, "input", DType::f32, -1);
  return {{DType::f32, reduced(context.inputs[0].shape, context.attributes.integers("axes"))}};
}

/// For reductions that are undefined without elements.
std::vector<TensorSpec> infer_extreme(const InferContext& context) {
  const auto y = infer(context);
  for (std::int64_t axis : context.attributes.integers("axes"))
    ops::check(context.inputs[0].dim(axis) > 0, "input is {}, expected elements along axis {}",
               to_string(context.inputs[0]), axis);
  return y;
}

std::vector<TensorSpec> infer_place(const InferContext& context) {
  const Shape shape = infer_extreme(context)[0].shape;
  const std::size_t axes = context.attributes.integers("axes").size();
  ops::check(axes == 1, "there are {} axes, expected 1", axes);
  return {{DType::i32, shape}};
}

/// Returns the number of elements of x per element of y.
double terms(const Shape& x, const Shape& y) {
  double count = 1;
  for (std::size_t axis = 0; axis < x.size(); ++axis)
    if (x[axis] != y[axis]) count *= static_cast<double>(x[axis]);
  return count;
}

void sum_gradient(GradientContext& context) {
  context.set(0, expand(context.dy(), context.input(0).shape(), context.name("dx")));
}

void mean_gradient(GradientContext& context) {
  const Var x = context.input(0), dy = context.dy();
  const Var each = div(dy, terms(x.shape(), dy.shape()), context.name("each"));
  context.set(0, expand(each, x.shape(), context.name("dx")));
}

void sum_squares_gradient(GradientContext& context) {
  const Var twice = mul(context.dy(), 2, context.name("twice"));
  context.set(0, mul(context.input(0), twice, context.name("dx")));
}

void norm1_gradient(GradientContext& context) {
  const Var x = context.input(0);
  const Var zero = context.graph().constant({}, 0);
  const Var sign = sub(greater(x, zero), less(x, zero), context.name("sign"));
  context.set(0, mul(sign, context.dy(), context.name("dx")));
}

void norm2_gradient(GradientContext& context) {
  const Var y = context.output(0), zero = context.graph().constant({}, 0);
  const Var factor = where(equal(y, zero), zero, div(context.dy(), y), context.name("factor"));
  context.set(0, mul(context.input(0), factor, context.name("dx")));
}

/// Splits the gradient among equal elements.
void extreme_gradient(GradientContext& context) {
  const Var chosen = equal(context.input(0), context.output(0), context.name("chosen"));
  const Integers axes = context.attributes().integers("axes");
  const Var count = axes.empty() ? chosen : sum(chosen, axes, {.keepdim = true});
  const Var share = div(context.dy(), count, context.name("share"));
  context.set(0, mul(chosen, share, context.name("dx")));
}

/// Returns the axes counted from the start and sorted; all axes if there are none. infer refuses
/// wrong ones.
Integers all_or(const char* op, const Var& x, Integers axes, const std::string& name) {
  if (axes.empty()) {
    axes.resize(x.shape().size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  for (std::int64_t& axis : axes) axis = static_cast<std::int64_t>(checked_axis(op, x, axis, name));
  std::sort(axes.begin(), axes.end());
  return axes;
}

Var without(Var y, const Integers& axes) {
  Shape shape;
  for (std::size_t i = 0; i < y.shape().size(); ++i)
    if (!std::binary_search(axes.begin(), axes.end(), static_cast<std::int64_t>(i)))
      shape.push_back(y.shape()[i]);
  return reshape(y, std::move(shape));
}

Var append(const char* op, Var x, Integers axes, const ReduceOptions& options, std::string name) {
  axes = all_or(op, x, std::move(axes), name);
  const Var y = x.graph().add(op, {x}, {{"axes", axes}}, std::move(name))[0];
  return options.keepdim || axes.empty() ? y : without(y, axes);
}

}  // namespace

std::vector<ReducePass> reduce_passes(Shape shape, const std::vector<std::int64_t>& axes) {
  std::vector<bool> chosen(shape.size(), false);
  for (std::int64_t axis : axes) chosen[static_cast<std::size_t>(axis)] = true;
  std::vector<ReducePass> passes;
  std::size_t end = shape.size();
  while (end > 0) {
    if (!chosen[end - 1] || shape[end - 1] == 1) {
      --end;
      continue;
    }
    std::size_t begin = end - 1;
    while (begin > 0 && (chosen[begin - 1] || shape[begin - 1] == 1)) --begin;
    const auto product = [&](std::size_t from, std::size_t to) {
      return element_count(Shape(shape.begin() + static_cast<std::ptrdiff_t>(from),
                                 shape.begin() + static_cast<std::ptrdiff_t>(to)));
    };
    passes.push_back({product(0, begin), product(begin, end), product(end, shape.size())});
    std::fill(shape.begin() + static_cast<std::ptrdiff_t>(begin),
              shape.begin() + static_cast<std::ptrdiff_t>(end), 1);
    end = begin;
  }
  if (passes.empty()) passes.push_back({1, 1, element_count(shape)});
  return passes;
}

#define TESSERA_REDUCTION(NAME)                                                 \
  Var NAME(Var x, std::vector<std::int64_t> axes, const ReduceOptions& options, \
           std::string name) {                                                  \
    return append(#NAME, x, std::move(axes), options, std::move(name));         \
  }
TESSERA_REDUCTION(sum)
TESSERA_REDUCTION(mean)
TESSERA_REDUCTION(amax)
TESSERA_REDUCTION(amin)

Var argmax(Var x, std::int64_t axis, const ReduceOptions& options, std::string name) {
  return append("argmax", x, {axis}, options, std::move(name));
}

Var argmin(Var x, std::int64_t axis, const ReduceOptions& options, std::string name) {
  return append("argmin", x, {axis}, options, std::move(name));
}

Var variance(Var x, std::vector<std::int64_t> axes, const VarianceOptions& options,
             std::string name) {
  axes = all_or("variance", x, std::move(axes), name);
  const Var middle = mean(x, axes, {.keepdim = true}, name);
  const double count = terms(x.shape(), middle.shape());
  const Var squares = append("sum_squares", sub(x, middle), axes, {options.keepdim}, {});
  return div(squares, std::max(0.0, count - options.correction));
}

Var norm(Var x, double p, std::vector<std::int64_t> axes, const ReduceOptions& options,
         std::string name) {
  if (p == 1) return append("norm1", x, std::move(axes), options, std::move(name));
  if (p == 2) return append("norm2", x, std::move(axes), options, std::move(name));
  if (std::isinf(p) && p > 0) return amax(abs(x), std::move(axes), options, std::move(name));
  fail("norm", name, "p is {}, expected 1, 2 or infinity", p);
}

std::vector<Op> ops::reduce_ops() {
  const std::string shapes = "x f32 [...] -> y f32, the axes of size 1", axes = "axes";
  const std::string places = "x f32 [...] -> y i32, the axis of size 1";
  return {{.name = "sum",
           .infer = infer,
           .gradient = sum_gradient,
           .doc = {"y = sum of x", shapes, axes}},
          {.name = "mean",
           .infer = infer,
           .gradient = mean_gradient,
           .doc = {"y = sum of x / number of elements", shapes, axes}},
          {.name = "sum_squares",
           .infer = infer,
           .gradient = sum_squares_gradient,
           .doc = {"y = sum of x^2", shapes, axes}},
          {.name = "norm1",
           .infer = infer,
           .gradient = norm1_gradient,
           .doc = {"y = sum of |x|", shapes, axes}},
          {.name = "norm2",
           .infer = infer,
           .gradient = norm2_gradient,
           .doc = {"y = sqrt(sum of x^2)", shapes, axes}},
          {.name = "amax",
           .infer = infer_extreme,
           .gradient = extreme_gradient,
           .doc = {"y = the largest x; equal ones share the gradient", shapes, axes}},
          {.name = "amin",
           .infer = infer_extreme,
           .gradient = extreme_gradient,
           .doc = {"y = the smallest x; equal ones share the gradient", shapes, axes}},
          {.name = "argmax",
           .infer = infer_place,
           .gradient = no_gradient,
           .doc = {"y = the index of the first largest x", places, "axes (one)"}},
          {.name = "argmin",
           .infer = infer_place,
           .gradient = no_gradient,
           .doc = {"y = the index of the first smallest x", places, "axes (one)"}}};
}

}  // namespace tessera

// sum(x) over the attribute `axes`, which keep size 1. The gradient repeats dy: an addition to
// zeros of the input's shape.
#include <algorithm>

#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

std::vector<TensorSpec> infer(const InferContext& context) {
  ops::check_count(context, 1, 1);
  ops::check_input(context, 0, "input", DType::f32, -1);
  Shape y = context.inputs[0].shape;
  const auto rank = static_cast<std::int64_t>(y.size());
  std::vector<bool> seen(y.size(), false);
  for (std::int64_t axis : context.attributes.integers("axes")) {
    ops::check(axis >= 0 && axis < rank, "axis is {}, expected 0 to {}", axis, rank - 1);
    ops::check(!seen[static_cast<std::size_t>(axis)], "axis {} stands twice", axis);
    seen[static_cast<std::size_t>(axis)] = true;
    y[static_cast<std::size_t>(axis)] = 1;
  }
  return {{DType::f32, y}};
}

void gradient(GradientContext& context) {
  const Var zeros = context.graph().constant(context.input(0).shape(), 0.0);
  context.set(0, add(zeros, context.dy(), context.name("dx")));
}

}  // namespace

Var sum(Var x, std::vector<std::int64_t> axes, std::string name) {
  for (std::int64_t& axis : axes)
    if (axis < 0) axis += x.spec().rank();
  std::sort(axes.begin(), axes.end());
  return x.graph().add("sum", {x}, {{"axes", std::move(axes)}}, std::move(name))[0];
}

std::vector<Op> ops::sum_ops() { return {{"sum", infer, gradient}}; }

}  // namespace tessera

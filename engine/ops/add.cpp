// add(a, b) with broadcasting. The gradient of an operand is dy summed over the dimensions in which
// the operand was repeated.
#include <algorithm>
#include <utility>

#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

std::vector<TensorSpec> infer(const InferContext& context) {
  ops::check_count(context, 2, 2);
  ops::check_input(context, 0, "a", DType::f32, -1);
  ops::check_input(context, 1, "b", DType::f32, -1);
  const Shape& a = context.inputs[0].shape;
  const Shape& b = context.inputs[1].shape;
  Shape y(std::max(a.size(), b.size()));
  for (std::size_t i = 0; i < y.size(); ++i) {  // i counts from the last dimension
    const std::int64_t in_a = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t in_b = i < b.size() ? b[b.size() - 1 - i] : 1;
    ops::check(in_a == in_b || in_a == 1 || in_b == 1,
               "b has shape {}, expected one that broadcasts with {}", to_string(b), to_string(a));
    y[y.size() - 1 - i] = in_a == 1 ? in_b : in_a;
  }
  return {{DType::f32, y}};
}

/// dy summed down to `shape`, which is a copy: appending nodes moves the shapes of a graph.
Var sum_to(Var dy, Shape shape, const std::string& name) {
  const auto extra = static_cast<std::int64_t>(dy.shape().size() - shape.size());
  std::vector<std::int64_t> axes;
  for (std::int64_t axis = 0; axis < dy.spec().rank(); ++axis)
    if (axis < extra || (shape[static_cast<std::size_t>(axis - extra)] == 1 &&
                         dy.shape()[static_cast<std::size_t>(axis)] != 1))
      axes.push_back(axis);
  if (axes.empty()) return dy;
  return reshape(sum(dy, axes, name), std::move(shape));
}

void gradient(GradientContext& context) {
  for (std::size_t i : {0, 1})
    if (context.wants(i))
      context.set(
          i, sum_to(context.dy(), context.input(i).shape(), context.name(i == 0 ? "da" : "db")));
}

}  // namespace

Var add(Var a, Var b, std::string name) {
  return a.graph().add("add", {a, b}, {}, std::move(name))[0];
}

std::vector<Op> ops::add_ops() { return {{"add", infer, gradient}}; }

}  // namespace tessera

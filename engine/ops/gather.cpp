// gather(x, index) and take(x, index) along the attribute `axis`, and their gradients in x,
// gather_dx(index, dy) and take_dx(index, dy) with the size of x along the axis; one_hot(index)
// with the attribute `classes`.
#include "engine/ops/gather.h"

#include "engine/ops/arguments.h"
#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

using ops::check;

std::size_t axis_of(const Attributes& attributes, std::int64_t rank) {
  const std::int64_t axis = attributes.integer("axis");
  check(axis >= 0 && axis < rank, "axis is {}, expected 0 to {}", axis, rank - 1);
  return static_cast<std::size_t>(axis);
}

auto at(const Shape& shape, std::size_t axis) {
  return shape.begin() + static_cast<std::ptrdiff_t>(axis);
}

std::vector<TensorSpec> infer_gather(const InferContext& context) {
  ops::check_count(context, 2, 2);
  ops::check_input(context, 0, "input", DType::f32, -1);
  const TensorSpec& x = context.inputs[0];
  ops::check_input(context, 1, "index", DType::i32, x.rank());
  const Shape& index = context.inputs[1].shape;
  Shape expected = x.shape;
  const std::size_t axis = axis_of(context.attributes, x.rank());
  expected[axis] = index[axis];
  ops::check_shape(context, 1, "index", expected);
  return {{DType::f32, index}};
}

std::vector<TensorSpec> infer_take(const InferContext& context) {
  ops::check_count(context, 2, 2);
  ops::check_input(context, 0, "input", DType::f32, -1);
  ops::check_input(context, 1, "index", DType::i32, -1);
  const Shape& x = context.inputs[0].shape;
  const Shape& index = context.inputs[1].shape;
  const std::size_t axis = axis_of(context.attributes, context.inputs[0].rank());
  Shape y(x.begin(), at(x, axis));
  y.insert(y.end(), index.begin(), index.end());
  y.insert(y.end(), at(x, axis + 1), x.end());
  return {{DType::f32, y}};
}

/// Infers dx from dy, in which the dimensions of the index replace the axis.
std::vector<TensorSpec> infer_dx(const InferContext& context, bool elements) {
  ops::check_count(context, 2, 2);
  ops::check_input(context, 0, "index", DType::i32, -1);
  ops::check_input(context, 1, "dy", DType::f32, -1);
  const Shape& index = context.inputs[0].shape;
  const Shape& dy = context.inputs[1].shape;
  const std::size_t taken = elements ? 1 : index.size();
  const std::int64_t rank = context.inputs[1].rank() - static_cast<std::int64_t>(taken) + 1;
  const std::size_t axis = axis_of(context.attributes, rank);
  if (elements)
    ops::check_shape(context, 0, "index", dy);
  else
    check(Shape(at(dy, axis), at(dy, axis + taken)) == index,
          "dy has shape {}, expected the index shape {} from axis {}", to_string(dy),
          to_string(index), axis);
  const std::int64_t size = context.attributes.integer("size");
  check(size >= 0, "size is {}, expected at least 0", size);
  Shape dx(dy.begin(), at(dy, axis));
  dx.push_back(size);
  dx.insert(dx.end(), at(dy, axis + taken), dy.end());
  return {{DType::f32, dx}};
}

void gradient(GradientContext& context, const char* op) {
  if (!context.wants(0)) return;
  const std::int64_t axis = context.attributes().integer("axis");
  const std::int64_t size = context.input(0).spec().dim(axis);
  context.set(0, context.graph().add(op, {context.input(1), context.dy()},
                                     {{"axis", axis}, {"size", size}}, context.name("dx"))[0]);
}

std::vector<TensorSpec> infer_one_hot(const InferContext& context) {
  ops::check_count(context, 1, 1);
  ops::check_input(context, 0, "index", DType::i32, -1);
  const std::int64_t classes = context.attributes.integer("classes");
  check(classes >= 1, "classes is {}, expected at least 1", classes);
  Shape y = context.inputs[0].shape;
  y.push_back(classes);
  return {{DType::f32, y}};
}

}  // namespace

GatherGeometry gather_geometry(std::string_view op, const Shape& x, const Shape& index,
                               const Attributes& attributes) {
  const auto axis = static_cast<std::size_t>(attributes.integer("axis"));
  GatherGeometry g{};
  g.outer = element_count(Shape(x.begin(), at(x, axis)));
  g.A = x[axis];
  g.inner = element_count(Shape(at(x, axis + 1), x.end()));
  if (op.starts_with("gather")) {
    g.I = index[axis];
    g.outer_step = g.I * g.inner;
    g.step = g.inner;
    g.inner_step = 1;
  } else {
    g.I = element_count(index);
    g.step = 1;
  }
  return g;
}

Var gather(Var x, Var index, std::int64_t axis, const std::string& name) {
  const std::size_t along = checked_axis("gather", x, axis, name);
  const Shape shape = index.shape();
  for (std::size_t i = 0; i < shape.size() && shape.size() == x.shape().size(); ++i)
    if (i != along && shape[i] < x.shape()[i])
      x = slice(x, static_cast<std::int64_t>(i), 0, shape[i]);
  return x.graph().add("gather", {x, index}, {{"axis", static_cast<std::int64_t>(along)}}, name)[0];
}

Var take(Var x, Var index, std::int64_t axis, std::string name) {
  const auto along = static_cast<std::int64_t>(checked_axis("take", x, axis, name));
  return x.graph().add("take", {x, index}, {{"axis", along}}, std::move(name))[0];
}

Var embedding(Var weight, Var index, const std::string& name) {
  if (weight.spec().rank() != 2)
    fail("embedding", name, "weight is {}, expected 2 dimensions", to_string(weight.spec()));
  return take(weight, index, 0, name);
}

Var one_hot(Var index, std::int64_t classes, std::string name) {
  return index.graph().add("one_hot", {index}, {{"classes", classes}}, std::move(name))[0];
}

std::vector<Op> ops::gather_ops() {
  return {
      {.name = "gather",
       .infer = infer_gather,
       .gradient = [](GradientContext& context) { gradient(context, "gather_dx"); },
       .doc = {"y[i,j,k] = x[i,index[i,j,k],k] for axis 1",
               "x f32 [...,n,...], index i32 of the shape of y but for the axis -> y f32 [...]",
               "axis"}},
      {.name = "gather_dx",
       .infer = [](const InferContext& context) { return infer_dx(context, true); },
       .doc = {"the gradient of gather: sums dy into dx by index, in a fixed order",
               "index i32 [...], dy f32 [...] -> dx f32 [...,size,...]", "axis, size"}},
      {.name = "take",
       .infer = infer_take,
       .gradient = [](GradientContext& context) { gradient(context, "take_dx"); },
       .doc = {"whole slices: y[i,j,k] = x[i,index[j],k] for axis 1; embedding is take of axis 0",
               "x f32 [...,n,...], index i32 [...] -> y f32 [...,index's shape,...]", "axis"}},
      {.name = "take_dx",
       .infer = [](const InferContext& context) { return infer_dx(context, false); },
       .doc = {"the gradient of take, in a fixed order",
               "index i32 [...], dy f32 [...] -> dx f32 [...,size,...]", "axis, size"}},
      {.name = "one_hot",
       .infer = infer_one_hot,
       .gradient = no_gradient,
       .doc = {"y[...,k] = 1 where index[...] = k, else 0",
               "index i32 [...] -> y f32 [...,classes]", "classes"}}};
}

}  // namespace tessera

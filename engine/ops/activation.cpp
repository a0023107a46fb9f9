// Activations, y = f(x), and their gradients, dx = dy * f'(x), written in terms of the output y.
// One row each here and in the `activation` files of the backends: relu.
#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

std::vector<TensorSpec> infer(const InferContext& context) {
  ops::check_count(context, 1, 1);
  ops::check_input(context, 0, "input", DType::f32, -1);
  return {context.inputs[0]};
}

std::vector<TensorSpec> infer_dx(const InferContext& context) {
  ops::check_count(context, 2, 2);
  ops::check_input(context, 0, "y", DType::f32, -1);
  ops::check_input(context, 1, "dy", DType::f32, -1);
  ops::check_shape(context, 1, "dy", context.inputs[0].shape);
  return {context.inputs[0]};
}

void relu_gradient(GradientContext& context) {
  context.set(0, context.graph().add("relu_dx", {context.output(0), context.dy()}, {},
                                     context.name("dx"))[0]);
}

}  // namespace

Var relu(Var x, std::string name) { return x.graph().add("relu", {x}, {}, std::move(name))[0]; }

std::vector<Op> ops::activation_ops() {
  return {{"relu", infer, relu_gradient}, {"relu_dx", infer_dx}};
}

}  // namespace tessera

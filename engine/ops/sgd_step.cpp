// sgd_step(w, dw, v, lr): in place v = momentum * v + dw, w = w - lr * v, as torch.optim.SGD.
#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

std::vector<TensorSpec> infer(const InferContext& context) {
  ops::check_count(context, 4, 4);
  const char* const names[] = {"weight", "gradient", "momentum buffer"};
  for (std::size_t i = 0; i < 3; ++i) {
    ops::check_input(context, i, names[i], DType::f32, -1);
    ops::check_shape(context, i, names[i], context.inputs[0].shape);
  }
  ops::check_input(context, 3, "learning rate", DType::f32, 1);
  ops::check_shape(context, 3, "learning rate", {1});
  const double momentum = context.attributes.number("momentum");
  ops::check(momentum >= 0 && momentum <= 1, "momentum is {}, expected 0 to 1", momentum);
  return {context.inputs[0], context.inputs[0]};
}

}  // namespace

void sgd_step(Var w, Var dw, Var v, Var lr, double momentum, std::string name) {
  w.graph().add("sgd_step", {w, dw, v, lr}, {{"momentum", momentum}}, std::move(name));
}

std::vector<Op> ops::sgd_step_ops() {
  Op op{"sgd_step", infer};
  op.updates = {{0, 0}, {1, 2}};
  return {op};
}

}  // namespace tessera

// softmax(x) and log_softmax(x) over the last axis; softmax_dx(y, dy) = (dy - sum(dy * y)) * y and
// log_softmax_dx(y, dy) = dy - exp(y) * sum(dy). Other axes are moved to the end and back.
#include "engine/ops/arguments.h"
#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

std::vector<TensorSpec> infer(const InferContext& context) {
  ops::check_count(context, 1, 1);
  ops::check_input(context, 0, "input", DType::f32, -1);
  ops::check(context.inputs[0].rank() >= 1, "input is {}, expected at least 1 dimension",
             to_string(context.inputs[0]));
  return {context.inputs[0]};
}

std::vector<TensorSpec> infer_dx(const InferContext& context) {
  ops::check_count(context, 2, 2);
  ops::check_input(context, 0, "y", DType::f32, -1);
  ops::check_input(context, 1, "dy", DType::f32, -1);
  ops::check_shape(context, 1, "dy", context.inputs[0].shape);
  ops::check(context.inputs[0].rank() >= 1, "y is {}, expected at least 1 dimension",
             to_string(context.inputs[0]));
  return {context.inputs[0]};
}

template <const char* const& op_dx>
void gradient(GradientContext& context) {
  context.set(
      0, context.graph().add(op_dx, {context.output(0), context.dy()}, {}, context.name("dx"))[0]);
}

constexpr const char* softmax_dx = "softmax_dx";
constexpr const char* log_softmax_dx = "log_softmax_dx";

Var over_axis(const char* op, Var x, std::int64_t axis, const std::string& name) {
  if (x.spec().rank() == 0)  // infer reports it
    return x.graph().add(op, {x}, {}, name)[0];
  const auto at = static_cast<std::int64_t>(checked_axis(op, x, axis, name));
  const std::int64_t last = x.spec().rank() - 1;
  if (at == last) return x.graph().add(op, {x}, {}, name)[0];
  return transpose(x.graph().add(op, {transpose(x, at, last)}, {}, name)[0], at, last);
}

}  // namespace

Var softmax(Var x, std::int64_t axis, const std::string& name) {
  return over_axis("softmax", x, axis, name);
}

Var log_softmax(Var x, std::int64_t axis, const std::string& name) {
  return over_axis("log_softmax", x, axis, name);
}

std::vector<Op> ops::softmax_ops() {
  const std::string shapes = "x f32 [...,K] -> y f32 [...,K]";
  const std::string gradient_shapes = "y, dy f32 [...,K] -> dx f32 [...,K]";
  return {{.name = "softmax",
           .infer = infer,
           .gradient = gradient<softmax_dx>,
           .doc = {"y[k] = exp(x[k]) / sum over j of exp(x[j])", shapes}},
          {.name = "softmax_dx",
           .infer = infer_dx,
           .doc = {"dx = (dy - sum over k of dy[k] * y[k]) * y", gradient_shapes}},
          {.name = "log_softmax",
           .infer = infer,
           .gradient = gradient<log_softmax_dx>,
           .doc = {"y[k] = x[k] - log(sum over j of exp(x[j]))", shapes}},
          {.name = "log_softmax_dx",
           .infer = infer_dx,
           .doc = {"dx = dy - exp(y) * sum over k of dy[k]", gradient_shapes}}};
}

}  // namespace tessera

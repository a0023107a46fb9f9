// The norm of many tensors together, trust_ratio(|w|, |dw|) and the factor that clips gradients.
#include "engine/ops/arguments.h"
#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

std::vector<TensorSpec> infer_norm(const InferContext& context) {
  ops::check(!context.inputs.empty(), "has 0 inputs, expected at least 1");
  for (std::size_t i = 0; i < context.inputs.size(); ++i)
    ops::check_input(context, i, "input", DType::f32, -1);
  return {{DType::f32, {1}}};
}

void check_positive(const InferContext& context, const char* attribute) {
  const double value = context.attributes.number(attribute);
  ops::check(value > 0, "{} is {}, expected more than 0", attribute, value);
}

void check_number(const InferContext& context, std::size_t i, const char* name) {
  ops::check_input(context, i, name, DType::f32, 1);
  ops::check_shape(context, i, name, {1});
}

std::vector<TensorSpec> infer_trust_ratio(const InferContext& context) {
  ops::check_count(context, 2, 2);
  check_number(context, 0, "norm of the weight");
  check_number(context, 1, "norm of the gradient");
  check_positive(context, "coefficient");
  const double decay = context.attributes.number("weight_decay");
  ops::check(decay >= 0, "weight_decay is {}, expected at least 0", decay);
  return {context.inputs[0]};
}

}  // namespace

Var global_norm(const std::vector<Var>& xs, std::string name) {
  if (xs.empty()) throw Error("global_norm", "has 0 inputs, expected at least 1");
  return xs[0].graph().add("global_norm", xs, {}, std::move(name))[0];
}

Var clip_factor(Var norm, double max_norm, const std::string& name) {
  if (!(max_norm > 0)) fail("clip_factor", name, "max_norm is {}, expected above 0", max_norm);
  // NaN passes, so that a failed training is detected.
  const Var ratio = div(norm.graph().constant({1}, max_norm), add(norm, 1e-6, name), name);
  return clamp(ratio, 0, 1, name);
}

std::vector<Op> ops::global_norm_ops() {
  return {{.name = "global_norm",
           .infer = infer_norm,
           .doc = {"y = sqrt(the sum of the squares of all elements of all inputs)",
                   "x0, x1, ... f32 [...] -> y f32 [1]"}},
          {.name = "trust_ratio",
           .infer = infer_trust_ratio,
           .doc = {"y = coefficient * w / (dw + weight_decay * w), 1 where w or dw is 0",
                   "w, dw f32 [1], norms -> y f32 [1]", "coefficient, weight_decay"}}};
}

}  // namespace tessera

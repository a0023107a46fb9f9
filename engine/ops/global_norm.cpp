// The norm of many tensors together, and what is scaled by norms or limited: clip_by_norm(x, norm),
// clip_by_value(x), trust_ratio(|w|, |dw|).
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

std::vector<TensorSpec> infer_by_norm(const InferContext& context) {
  ops::check_count(context, 2, 2);
  ops::check_input(context, 0, "input", DType::f32, -1);
  check_number(context, 1, "norm");
  check_positive(context, "max_norm");
  return {context.inputs[0]};
}

std::vector<TensorSpec> infer_by_value(const InferContext& context) {
  ops::check_count(context, 1, 1);
  ops::check_input(context, 0, "input", DType::f32, -1);
  check_positive(context, "limit");
  return {context.inputs[0]};
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

Var clip_by_norm(Var x, Var norm, double max_norm, std::string name) {
  return x.graph().add("clip_by_norm", {x, norm}, {{"max_norm", max_norm}}, std::move(name))[0];
}

Var clip_by_value(Var x, double limit, std::string name) {
  return x.graph().add("clip_by_value", {x}, {{"limit", limit}}, std::move(name))[0];
}

std::vector<Op> ops::global_norm_ops() {
  return {{"global_norm", infer_norm},
          {"clip_by_norm", infer_by_norm},
          {"clip_by_value", infer_by_value},
          {"trust_ratio", infer_trust_ratio}};
}

}  // namespace tessera

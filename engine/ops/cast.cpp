// cast(x): other element types, by the attribute `to`, which is a name of spec.h.
#include "engine/graph/dtype_name.h"
#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

std::vector<TensorSpec> infer(const InferContext& context) {
  ops::check_count(context, 1, 1);
  const std::string& to = context.attributes.text("to");
  const std::optional<DType> dtype = dtype_named(to);
  ops::check(dtype.has_value(), "to is '{}', expected 'f32', 'i32' or 'u8'", to);
  ops::check(context.inputs[0].dtype != *dtype, "input is {}, expected another type than {}",
             to_string(context.inputs[0]), to);
  return {{*dtype, context.inputs[0].shape}};
}

}  // namespace

Var cast(Var x, DType to, std::string name) {
  if (x.spec().dtype == to) return x;
  return x.graph().add("cast", {x}, {{"to", std::string(to_string(to))}}, std::move(name))[0];
}

std::vector<Op> ops::cast_ops() {
  return {{.name = "cast",
           .infer = infer,
           .gradient = no_gradient,
           .doc = {"y = x in another element type", "x [...] -> y [...]", "to (f32, i32, u8)"}}};
}

}  // namespace tessera

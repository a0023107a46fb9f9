// reshape(x): a view, no work at run time. Attribute `shape`, all dimensions known.
#include <algorithm>

#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

std::vector<TensorSpec> infer(const InferContext& context) {
  ops::check_count(context, 1, 1);
  const TensorSpec& x = context.inputs[0];
  const Shape& shape = context.attributes.integers("shape");
  ops::check(element_count(shape) == x.elements(), "shape {} has {} elements, expected {} as {}",
             to_string(shape), element_count(shape), x.elements(), to_string(x));
  return {{x.dtype, shape}};
}

void gradient(GradientContext& context) {
  context.set(0, reshape(context.dy(), context.input(0).shape(), context.name("dx")));
}

}  // namespace

Var reshape(Var x, Shape shape, std::string name) {
  const auto unknown = std::find(shape.begin(), shape.end(), -1);
  if (unknown != shape.end()) {
    *unknown = 1;
    const std::int64_t known = element_count(shape);
    if (known == 0 || x.spec().elements() % known != 0)
      throw Error("reshape", fmt::format("{} does not divide into rows of {} elements (node '{}')",
                                         to_string(x.spec()), known, name));
    *unknown = x.spec().elements() / known;
  }
  return x.graph().add("reshape", {x}, {{"shape", std::move(shape)}}, std::move(name))[0];
}

Var flatten(Var x, std::string name) {
  const std::int64_t rows = x.spec().dim(0);
  const Shape rest(x.shape().begin() + 1, x.shape().end());
  return reshape(x, {rows, element_count(rest)}, std::move(name));
}

std::vector<Op> ops::reshape_ops() {
  return {
      {.name = "reshape",
       .infer = infer,
       .gradient = gradient,
       .is_view = true,
       .doc = {"the same elements with another shape", "x [...] -> y [shape], any type", "shape"}}};
}

}  // namespace tessera

#include "engine/ops/epilogue.h"

#include <algorithm>
#include <array>
#include <limits>

#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

struct Activation {
  std::string_view op;
  Clamp clamp;
};
// Their gradients, "<op>_dx", read y and dy.
constexpr std::array activations = {Activation{"relu", {0, infinity}}, Activation{"relu6", {0, 6}}};

const Activation* find_activation(std::string_view op) {
  const auto found = std::find_if(activations.begin(), activations.end(),
                                  [&](const Activation& a) { return a.op == op; });
  return found == activations.end() ? nullptr : &*found;
}

}  // namespace

Clamp activation_clamp(const Attributes& attributes) {
  if (!attributes.has("activation")) return {-infinity, infinity};
  return find_activation(attributes.text("activation"))->clamp;
}

bool is_clamp(std::string_view activation) { return find_activation(activation) != nullptr; }

void check_activation(const Attributes& attributes) {
  if (!attributes.has("activation")) return;
  const std::string& name = attributes.text("activation");
  ops::check(is_clamp(name), "activation is '{}', expected 'relu' or 'relu6'", name);
}

Var gradient_before_activation(GradientContext& context) {
  if (!context.attributes().has("activation")) return context.dy();
  return context.graph().add(context.attributes().text("activation") + "_dx",
                             {context.output(0), context.dy()}, {},
                             context.name("activation.dx"))[0];
}

EpilogueInputs::EpilogueInputs(std::size_t count, std::int64_t rank_of_third) {
  if (count > 2 && rank_of_third == 1) bias = 2;
  const std::size_t next = bias > 0 ? 3 : 2;
  if (count > next) residual = next;
}

void check_epilogue(const InferContext& context, const TensorSpec& y) {
  ops::check_count(context, 2, 4);
  const std::size_t count = context.inputs.size();
  const EpilogueInputs inputs(count, count > 2 ? context.inputs[2].rank() : 0);
  if (inputs.bias > 0) {
    ops::check_input(context, inputs.bias, "bias", DType::f32, 1);
    ops::check_shape(context, inputs.bias, "bias", {y.dim(-1)});
  }
  if (inputs.residual > 0) {
    ops::check_input(context, inputs.residual, "residual", DType::f32, -1);
    ops::check_shape(context, inputs.residual, "residual", y.shape);
  }
  ops::check(count == 2 + std::size_t{inputs.bias > 0} + std::size_t{inputs.residual > 0},
             "has {} inputs, expected two operands, a bias and a residual", count);
  check_activation(context.attributes);
}

Var gradient_of_epilogue(GradientContext& context) {
  const Var dy = gradient_before_activation(context);
  const std::size_t count = context.input_count();
  const EpilogueInputs inputs(count, count > 2 ? context.input(2).spec().rank() : 0);
  if (inputs.residual > 0) context.set(inputs.residual, dy);
  if (inputs.bias > 0 && context.wants(inputs.bias)) {
    std::vector<std::int64_t> axes;
    for (std::int64_t axis = 0; axis + 1 < dy.spec().rank(); ++axis) axes.push_back(axis);
    context.set(inputs.bias, sum(dy, axes, {}, context.name("dbias")));
  }
  return dy;
}

}  // namespace tessera

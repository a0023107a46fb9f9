#include "engine/ops/epilogue.h"

#include <algorithm>
#include <array>
#include <limits>

#include "engine/ops/op_table.h"

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

}  // namespace tessera

// Losses composed of elementwise functions and a reduction.
#include "engine/ops/arguments.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

void check_shapes(const char* op, Var x, Var target, const std::string& name) {
  if (x.shape() != target.shape())
    fail(op, name, "target has shape {}, expected {} as the input", to_string(target.shape()),
         to_string(x.shape()));
}

Var reduced(Var losses, Reduction reduction, const std::string& name) {
  if (reduction == Reduction::none) return losses;
  const Var total =
      reduction == Reduction::sum ? sum(losses, {}, {}, name) : mean(losses, {}, {}, name);
  return reshape(total, {1}, name);
}

Var huber(Var x, Var target, double delta, const std::string& name) {
  const Var error = sub(x, target, name);
  return error.graph().add("huber", {error}, {{"delta", delta}}, name)[0];
}

}  // namespace

Var mse_loss(Var x, Var target, Reduction reduction, const std::string& name) {
  check_shapes("mse_loss", x, target, name);
  return reduced(square(sub(x, target, name), name), reduction, name);
}

Var l1_loss(Var x, Var target, Reduction reduction, const std::string& name) {
  check_shapes("l1_loss", x, target, name);
  return reduced(abs(sub(x, target, name), name), reduction, name);
}

Var huber_loss(Var x, Var target, double delta, Reduction reduction, const std::string& name) {
  check_shapes("huber_loss", x, target, name);
  if (!(delta > 0)) fail("huber_loss", name, "delta is {}, expected above 0", delta);
  return reduced(huber(x, target, delta, name), reduction, name);
}

Var smooth_l1_loss(Var x, Var target, double beta, Reduction reduction, const std::string& name) {
  check_shapes("smooth_l1_loss", x, target, name);
  if (!(beta >= 0)) fail("smooth_l1_loss", name, "beta is {}, expected at least 0", beta);
  if (beta == 0) return l1_loss(x, target, reduction, name);
  return reduced(mul(huber(x, target, beta, name), 1 / beta, name), reduction, name);
}

Var bce_with_logits_loss(Var x, Var target, const BceOptions& options, const std::string& name) {
  check_shapes("bce_with_logits_loss", x, target, name);
  // log sigmoid(x) = -softplus(-x) and log(1 - sigmoid(x)) = -x - softplus(-x).
  const Var less = softplus(neg(x, name), 1, 20, name);
  const Var negative = sub(x, mul(target, x, name), name);
  Var positive = less;
  if (options.pos_weight)
    positive = mul(add(mul(sub(*options.pos_weight, 1, name), target, name), 1, name), less, name);
  Var losses = add(negative, positive, name);
  if (options.weight) losses = mul(losses, *options.weight, name);
  return reduced(losses, options.reduction, name);
}

Var kl_div_loss(Var x, Var target, const KlOptions& options, const std::string& name) {
  check_shapes("kl_div_loss", x, target, name);
  const Var losses = options.log_target ? mul(exp(target, name), sub(target, x, name), name)
                                        : x.graph().add("kl_divergence", {x, target}, {}, name)[0];
  if (!options.batch_mean) return reduced(losses, options.reduction, name);
  if (losses.shape().empty()) fail("kl_div_loss", name, "a number has no batch to divide by");
  const auto rows = static_cast<double>(losses.shape()[0]);
  return div(reduced(losses, Reduction::sum, name), rows, name);
}

}  // namespace tessera

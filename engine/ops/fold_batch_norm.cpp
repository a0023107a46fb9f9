// fold_batch_norm(w, running_mean, running_var[, gamma, beta][, b]) -> w', b': the filters and the
// bias with which a product returns the result of batch_norm_inference directly.
#include "engine/ops/normalization.h"
#include "engine/ops/op_table.h"

namespace tessera {
namespace {

std::vector<TensorSpec> infer(const InferContext& context) {
  ops::check_count(context, 3, 6);
  ops::check_input(context, 0, "weight", DType::f32, -1);
  const TensorSpec& w = context.inputs[0];
  ops::check(w.rank() >= 1, "weight is {}, expected at least 1 dimension", to_string(w));
  constexpr const char* names[] = {"running_mean", "running_var", "gamma", "beta", "bias"};
  for (std::size_t i = 1; i < context.inputs.size(); ++i) {
    const bool is_bias = i == BatchNormInputs(context.inputs.size()).residual;
    const char* name = names[is_bias ? 4 : i - 1];
    ops::check_input(context, i, name, DType::f32, 1);
    ops::check_shape(context, i, name, {w.dim(0)});
  }
  const double eps = context.attributes.number("eps");
  ops::check(eps >= 0, "eps is {}, expected at least 0", eps);
  return {w, {DType::f32, {w.dim(0)}}};
}

}  // namespace

std::vector<Op> ops::fold_batch_norm_ops() {
  return {{.name = "fold_batch_norm",
           .infer = infer,
           .doc = {"w'[k] = w[k] * s[k], b'[k] = beta[k] + (b[k] - running_mean[k]) * s[k], "
                   "s = gamma / sqrt(running_var + eps)",
                   "w f32 [K,...], running_mean, running_var f32 [K], (gamma, beta f32 [K]), (b "
                   "f32 [K]) -> w' f32 [K,...], b' f32 [K]",
                   "eps"}}};
}

}  // namespace tessera

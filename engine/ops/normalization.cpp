// Normalizations, all on x seen as [samples, rest, groups, channels / groups] (normalization.h):
// normalize(x[, w, b]) -> y, mean, rstd, where rstd = 1 / sqrt(variance + eps); batch_norm(x,
// running_mean, running_var[, w, b][, residual]) -> the same and the running statistics, updated;
// batch_norm_inference(x, running_mean, running_var[, w, b][, residual]) -> y, rstd;
// normalize_dx(x, dy, mean, rstd[, w[, b]]) -> dx, dw, db, the gradient of all three. Attributes:
// eps; momentum of batch_norm; samples, groups and channels of normalize; the gradient has these
// and constant_statistics, 1 if mean and rstd do not depend on x. A batch norm may have an
// activation; so may its gradient, which then derives the clamped elements from b.
#include "engine/ops/normalization.h"

#include <algorithm>

#include "engine/base/checked_size.h"
#include "engine/ops/epilogue.h"
#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

using ops::check;

/// Also checks x and the attributes.
NormalizationGeometry check_geometry(const InferContext& context) {
  ops::check_input(context, 0, "input", DType::f32, -1);
  const TensorSpec& x = context.inputs[0];
  check(x.rank() >= 1, "input is {}, expected at least 1 dimension", to_string(x));
  const Attributes& attributes = context.attributes;
  for (const char* name : {"samples", "groups", "channels"})
    check(!attributes.has(name) || attributes.integer(name) >= 1, "{} is {}, expected at least 1",
          name, attributes.has(name) ? attributes.integer(name) : 0);
  check(element_count(x.shape) > 0, "input is {}, expected at least 1 element", to_string(x));
  const NormalizationGeometry g = normalization_geometry(x, attributes);
  if (attributes.has("channels"))
    check(attributes.integer("channels") == g.C(),
          "input has {} channels, expected a multiple of {} groups", attributes.integer("channels"),
          g.G);
  check(checked_product({g.N, g.L, g.C()}, "samples of all channels") == x.elements(),
        "{} is not {} samples of {} channels", to_string(x), g.N, g.C());
  return g;
}

void check_eps(const InferContext& context) {
  const double eps = context.attributes.number("eps");
  check(eps >= 0, "eps is {}, expected at least 0", eps);
}

/// Weight and bias are the inputs from `first` on, if there are any.
void check_affine(const InferContext& context, std::size_t first, std::int64_t channels) {
  const char* const names[] = {"weight", "bias"};
  for (std::size_t i = first; i < std::min(first + 2, context.inputs.size()); ++i) {
    ops::check_input(context, i, names[i - first], DType::f32, 1);
    ops::check_shape(context, i, names[i - first], {channels});
  }
}

NormalizationGeometry check_batch_norm(const InferContext& context) {
  ops::check_count(context, 3, 6);
  check_activation(context.attributes);
  const NormalizationGeometry g = check_geometry(context);
  check_eps(context);
  const char* const names[] = {"running_mean", "running_var"};
  for (std::size_t i = 1; i < 3; ++i) {
    ops::check_input(context, i, names[i - 1], DType::f32, 1);
    ops::check_shape(context, i, names[i - 1], {g.C()});
  }
  const BatchNormInputs inputs(context.inputs.size());
  if (inputs.affine) check_affine(context, 3, g.C());
  if (inputs.residual > 0) {
    ops::check_input(context, inputs.residual, "residual", DType::f32, -1);
    ops::check_shape(context, inputs.residual, "residual", context.inputs[0].shape);
  }
  return g;
}

TensorSpec statistics(const NormalizationGeometry& g) { return {DType::f32, {g.N, g.G}}; }

std::vector<TensorSpec> infer(const InferContext& context) {
  const std::size_t count = context.inputs.size();
  check(count == 1 || count == 3, "has {} inputs, expected 1 or 3", count);
  const NormalizationGeometry g = check_geometry(context);
  check_eps(context);
  check_affine(context, 1, g.C());
  return {context.inputs[0], statistics(g), statistics(g)};
}

std::vector<TensorSpec> infer_batch_norm(const InferContext& context) {
  const NormalizationGeometry g = check_batch_norm(context);
  const double momentum = context.attributes.number("momentum");
  check(momentum >= 0 && momentum <= 1, "momentum is {}, expected 0 to 1", momentum);
  return {context.inputs[0], statistics(g), statistics(g), context.inputs[1], context.inputs[2]};
}

std::vector<TensorSpec> infer_inference(const InferContext& context) {
  const NormalizationGeometry g = check_batch_norm(context);  // first, since there may be no input
  return {context.inputs[0], statistics(g)};
}

std::vector<TensorSpec> infer_dx(const InferContext& context) {
  check_activation(context.attributes);
  const bool activation = context.attributes.has("activation");
  const std::size_t count = context.inputs.size(), most = activation ? 6 : 5;
  check(count == 4 || count == most, "has {} inputs, expected 4 or {}", count, most);
  const NormalizationGeometry g = check_geometry(context);
  check(!activation || g.D == 1, "a group has {} channels, expected 1 with an activation", g.D);
  ops::check_input(context, 1, "dy", DType::f32, -1);
  ops::check_shape(context, 1, "dy", context.inputs[0].shape);
  const char* const names[] = {"mean", "rstd"};
  for (std::size_t i = 2; i < 4; ++i) {
    ops::check_input(context, i, names[i - 2], DType::f32, -1);
    check(context.inputs[i].elements() == g.N * g.G, "{} is {}, expected {} elements", names[i - 2],
          to_string(context.inputs[i]), g.N * g.G);
  }
  check_affine(context, 4, g.C());
  const std::int64_t constant = context.attributes.integer("constant_statistics");
  check(constant == 0 || constant == 1, "constant_statistics is {}, expected 0 or 1", constant);
  return {context.inputs[0], {DType::f32, {g.C()}}, {DType::f32, {g.C()}}};
}

/// The inputs and attributes of a normalization that its gradient needs.
struct Normalized {
  Var mean, rstd;
  bool constant;       ///< mean and rstd do not depend on x
  std::size_t weight;  ///< its input, if `affine`; the bias is the next
  bool affine;
  bool cut_off = false;  ///< by an activation that dy does not include
};

void append_dx(GradientContext& context, Var dy, const Normalized& n) {
  const Var x = context.input(0);
  const NormalizationGeometry g = normalization_geometry(x.spec(), context.attributes());
  std::vector<Var> inputs = {x, dy, n.mean, n.rstd};
  if (n.affine) inputs.push_back(context.input(n.weight));
  std::map<std::string, Attribute, std::less<>> attributes = {
      {"samples", g.N},
      {"groups", g.G},
      {"channels", g.C()},
      {"constant_statistics", std::int64_t{n.constant}}};
  if (n.cut_off) {
    attributes.emplace("activation", context.attributes().text("activation"));
    if (n.affine) inputs.push_back(context.input(n.weight + 1));
  }
  const std::vector<Var> found = context.graph().add(
      "normalize_dx", inputs, Attributes(std::move(attributes)), context.name("dx"));
  context.set(0, found[0]);
  if (!n.affine) return;
  context.set(n.weight, found[1]);
  context.set(n.weight + 1, found[2]);
}

void gradient(GradientContext& context) {
  append_dx(context, context.dy(),
            {context.output(1), context.output(2), false, 1, context.input_count() > 1});
}

/// Clamped elements are derived from x, which is read anyway. With a residual only y shows them,
/// and the residual needs that gradient too.
void gradient_of_batch(GradientContext& context, Var mean, Var rstd, bool constant) {
  const BatchNormInputs inputs(context.input_count());
  Normalized n{mean, rstd, constant, 3, inputs.affine};
  if (inputs.residual == 0) {
    n.cut_off = context.attributes().has("activation");
    return append_dx(context, context.dy(), n);
  }
  const Var dy = gradient_before_activation(context);
  context.set(inputs.residual, dy);
  append_dx(context, dy, n);
}

void batch_norm_gradient(GradientContext& context) {
  gradient_of_batch(context, context.output(1), context.output(2), false);
}

void inference_gradient(GradientContext& context) {
  gradient_of_batch(context, context.input(1), context.output(1), true);
}

std::vector<Var> with_affine(std::vector<Var> inputs, const std::optional<Affine>& affine) {
  if (affine) inputs.insert(inputs.end(), {affine->weight, affine->bias});
  return inputs;
}

}  // namespace

NormalizationGeometry normalization_geometry(const TensorSpec& x, const Attributes& attributes) {
  const bool batch = !attributes.has("samples");
  const std::int64_t samples = batch ? 1 : attributes.integer("samples");
  const std::int64_t groups = batch ? x.dim(-1) : attributes.integer("groups");
  const std::int64_t of_group = batch ? 1 : attributes.integer("channels") / groups;
  const std::int64_t together =
      checked_product({samples, groups, of_group}, "samples of all channels");
  return {samples, x.elements() / std::max<std::int64_t>(1, together), groups, of_group};
}

Var batch_norm(Var x, Var running_mean, Var running_var, std::optional<Affine> affine,
               const BatchNormOptions& options, std::string name) {
  return x.graph().add("batch_norm", with_affine({x, running_mean, running_var}, affine),
                       {{"eps", options.eps}, {"momentum", options.momentum}}, std::move(name))[0];
}

Var batch_norm_inference(Var x, Var running_mean, Var running_var, std::optional<Affine> affine,
                         double eps, std::string name) {
  return x.graph().add("batch_norm_inference", with_affine({x, running_mean, running_var}, affine),
                       {{"eps", eps}}, std::move(name))[0];
}

Var layer_norm(Var x, std::int64_t dimensions, std::optional<Affine> affine, double eps,
               std::string name) {
  if (dimensions < 1 || dimensions > x.spec().rank())
    throw Error("layer_norm", fmt::format("dimensions is {}, expected 1 to {} for {} (node '{}')",
                                          dimensions, x.spec().rank(), to_string(x.spec()), name));
  const Shape kept(x.shape().end() - dimensions, x.shape().end());
  const std::int64_t channels = element_count(kept);
  if (affine) {
    for (Var* var : {&affine->weight, &affine->bias}) {
      if (var->shape() != kept)
        throw Error("layer_norm",
                    fmt::format("weight or bias has shape {}, expected {} (node '{}')",
                                to_string(var->shape()), to_string(kept), name));
      if (dimensions > 1) *var = reshape(*var, {channels});
    }
  }
  return x.graph().add("normalize", with_affine({x}, affine),
                       {{"samples", x.spec().elements() / std::max<std::int64_t>(1, channels)},
                        {"groups", std::int64_t{1}},
                        {"channels", channels},
                        {"eps", eps}},
                       std::move(name))[0];
}

Var group_norm(Var x, std::int64_t groups, std::optional<Affine> affine, double eps,
               std::string name) {
  if (x.spec().rank() < 2)
    throw Error("group_norm", fmt::format("input is {}, expected at least 2 dimensions (node '{}')",
                                          to_string(x.spec()), name));
  return x.graph().add("normalize", with_affine({x}, affine),
                       {{"samples", x.spec().dim(0)},
                        {"groups", groups},
                        {"channels", x.spec().dim(-1)},
                        {"eps", eps}},
                       std::move(name))[0];
}

Var instance_norm(Var x, std::optional<Affine> affine, double eps, std::string name) {
  return group_norm(x, x.spec().rank() > 0 ? x.spec().dim(-1) : 1, std::move(affine), eps,
                    std::move(name));
}

std::vector<Op> ops::normalization_ops() {
  const std::string groups =
      "eps; samples, groups, channels: x is seen as [samples, rest, groups, channels/groups]";
  return {
      {.name = "normalize",
       .infer = infer,
       .gradient = gradient,
       .doc = {"y = (x - mean) * rstd * w + b, rstd = 1 / sqrt(variance + eps), of each group",
               "x f32 [...], (w, b f32 [channels]) -> y f32 [...], mean, rstd f32 [samples,groups]",
               groups}},
      {.name = "batch_norm",
       .infer = infer_batch_norm,
       .gradient = batch_norm_gradient,
       .updates = {{3, 1}, {4, 2}},
       .doc = {"normalize of each channel over the batch; running = (1 - momentum) * running + "
               "momentum * statistic, of the variance with n - 1. y = activation(y + residual)",
               "x f32 [...,C], running_mean, running_var f32 [C], (w, b f32 [C]), (residual f32 "
               "[...,C]) -> y f32 [...,C], mean, rstd f32 [C], both running statistics in place",
               "eps, momentum, (activation: relu or relu6)"}},
      {.name = "batch_norm_inference",
       .infer = infer_inference,
       .gradient = inference_gradient,
       .doc = {"y = activation((x - running_mean) * rstd * w + b + residual), rstd = 1 / "
               "sqrt(running_var + eps)",
               "x f32 [...,C], running_mean, running_var f32 [C], (w, b f32 [C]), (residual f32 "
               "[...,C]) -> y f32 [...,C], rstd f32 [C]",
               "eps, (activation: relu or relu6)"}},
      {.name = "normalize_dx",
       .infer = infer_dx,
       .doc = {"the gradients of all three; b is read if there is an activation",
               "x, dy f32 [...], mean, rstd, (w, (b) f32 [channels]) -> dx f32 [...], dw, db f32 "
               "[channels]",
               "those of the op; constant_statistics (1: mean and rstd do not depend on x)"}}};
}

}  // namespace tessera

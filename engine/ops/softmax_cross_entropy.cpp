// softmax_cross_entropy(logits, labels) -> loss [1] (the mean over the rows), probabilities [N,K];
// softmax_cross_entropy_dx(probabilities, labels, dloss) = (p - onehot(label)) * dloss / N;
// softmax_cross_entropy_and_dx(logits, labels, dloss) computes both, for the pass join_losses.
// cross_entropy is softmax_cross_entropy with attributes: label_smoothing, weights (K numbers or
// none), ignore_index (one number or none), reduction, normalized (1: the logits are logarithms of
// probabilities already, no softmax); its labels may be targets f32 [N,K]. Its third output is the
// divisor of the mean; cross_entropy_gradient(probabilities, labels, dloss, divisor) is with
// respect to the attribute `input`: 0 logits, 1 targets.
#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

void check_rows(const InferContext& context, const char* name) {
  ops::check_input(context, 0, name, DType::f32, 2);
  const Shape& rows = context.inputs[0].shape;
  ops::check(rows[0] >= 1 && rows[1] >= 1, "{} has shape {}, expected at least one row and class",
             name, to_string(rows));
  ops::check_input(context, 1, "labels", DType::i32, 1);
  ops::check_shape(context, 1, "labels", {rows[0]});
}

std::vector<TensorSpec> infer(const InferContext& context) {
  ops::check_count(context, 2, 2);
  check_rows(context, "logits");
  return {{DType::f32, {1}}, context.inputs[0]};
}

std::vector<TensorSpec> infer_dx(const InferContext& context) {
  ops::check_count(context, 3, 3);
  check_rows(context, "probabilities");
  ops::check_input(context, 2, "dloss", DType::f32, 1);
  ops::check_shape(context, 2, "dloss", {1});
  return {context.inputs[0]};
}

std::vector<TensorSpec> infer_and_dx(const InferContext& context) {
  return {{DType::f32, {1}}, infer_dx(context)[0]};
}

void gradient(GradientContext& context) {
  if (context.wants(0))
    context.set(0, context.graph().add("softmax_cross_entropy_dx",
                                       {context.output(1), context.input(1), context.dy()}, {},
                                       context.name("dx"))[0]);
}

bool has_targets(const InferContext& context) { return context.inputs.at(1).dtype == DType::f32; }

void check_general(const InferContext& context, const char* name) {
  if (has_targets(context)) {
    ops::check_input(context, 0, name, DType::f32, 2);
    ops::check_shape(context, 1, "targets", context.inputs[0].shape);
    ops::check(context.inputs[0].elements() >= 1, "{} has no elements, expected at least one",
               name);
  } else {
    check_rows(context, name);
  }
  const Attributes& a = context.attributes;
  const double smoothing = a.number("label_smoothing");
  ops::check(smoothing >= 0 && smoothing <= 1, "label_smoothing is {}, expected 0 to 1", smoothing);
  const std::size_t weights = a.numbers("weights").size();
  const std::int64_t K = context.inputs[0].shape[1];
  ops::check(weights == 0 || static_cast<std::int64_t>(weights) == K,
             "there are {} weights, expected {} or none", weights, K);
  const std::size_t ignored = a.integers("ignore_index").size();
  ops::check(ignored <= 1, "ignore_index has {} numbers, expected at most 1", ignored);
  const std::int64_t normalized = a.integer("normalized");
  ops::check(normalized == 0 || normalized == 1, "normalized is {}, expected 0 or 1", normalized);
  const std::string& reduction = a.text("reduction");
  ops::check(reduction == "mean" || reduction == "sum" || reduction == "none",
             "reduction is '{}', expected 'mean', 'sum' or 'none'", reduction);
}

TensorSpec loss_spec(const InferContext& context) {
  const bool none = context.attributes.text("reduction") == "none";
  return {DType::f32, {none ? context.inputs[0].shape[0] : 1}};
}

std::vector<TensorSpec> infer_general(const InferContext& context) {
  ops::check_count(context, 2, 2);
  check_general(context, "logits");
  return {loss_spec(context), context.inputs[0], {DType::f32, {1}}};
}

std::vector<TensorSpec> infer_general_gradient(const InferContext& context) {
  ops::check_count(context, 4, 4);
  check_general(context, "probabilities");
  ops::check_input(context, 2, "dloss", DType::f32, 1);
  ops::check_shape(context, 2, "dloss", loss_spec(context).shape);
  ops::check_input(context, 3, "divisor", DType::f32, 1);
  ops::check_shape(context, 3, "divisor", {1});
  const std::int64_t input = context.attributes.integer("input");
  ops::check(input == 0 || (input == 1 && has_targets(context)),
             "input is {}, expected 0 for logits, or 1 for targets", input);
  return {context.inputs[0]};
}

void general_gradient(GradientContext& context) {
  for (std::size_t i : {0u, 1u}) {
    if (!context.wants(i)) continue;
    auto attributes = context.attributes().all();
    attributes["input"] = static_cast<std::int64_t>(i);
    context.set(i, context.graph().add(
                       "cross_entropy_gradient",
                       {context.output(1), context.input(1), context.dy(), context.output(2)},
                       Attributes(std::move(attributes)), context.name(i == 0 ? "dx" : "dt"))[0]);
  }
}

const char* to_text(Reduction reduction) {
  switch (reduction) {
    case Reduction::none:
      return "none";
    case Reduction::mean:
      return "mean";
    case Reduction::sum:
      return "sum";
  }
  return "";
}

std::vector<Var> append_general(Var logits, Var labels, const CrossEntropyOptions& options,
                                bool normalized, std::string name) {
  std::vector<std::int64_t> ignored;
  if (options.ignore_index) ignored.push_back(*options.ignore_index);
  return logits.graph().add("cross_entropy", {logits, labels},
                            {{"label_smoothing", options.label_smoothing},
                             {"weights", options.weights},
                             {"ignore_index", std::move(ignored)},
                             {"normalized", std::int64_t{normalized}},
                             {"reduction", std::string(to_text(options.reduction))}},
                            std::move(name));
}

}  // namespace

CrossEntropy softmax_cross_entropy(Var logits, Var labels, std::string name) {
  return softmax_cross_entropy(logits, labels, CrossEntropyOptions{}, std::move(name));
}

CrossEntropy softmax_cross_entropy(Var logits, Var labels, const CrossEntropyOptions& options,
                                   std::string name) {
  const bool plain = labels.spec().dtype != DType::f32 && options.label_smoothing == 0 &&
                     options.weights.empty() && !options.ignore_index &&
                     options.reduction == Reduction::mean;
  if (plain) {
    const auto outputs =
        logits.graph().add("softmax_cross_entropy", {logits, labels}, {}, std::move(name));
    return {outputs[0], outputs[1]};
  }
  const auto outputs = append_general(logits, labels, options, false, std::move(name));
  return {outputs[0], outputs[1]};
}

Var nll_loss(Var x, Var labels, const NllOptions& options, std::string name) {
  return append_general(x, labels, {0, options.weights, options.ignore_index, options.reduction},
                        true, std::move(name))[0];
}

std::vector<Op> ops::softmax_cross_entropy_ops() {
  const std::string general =
      "label_smoothing, weights (K or none), ignore_index (one or none), normalized (1: x holds "
      "logarithms of probabilities, no softmax), reduction (mean, sum, none)";
  return {
      {.name = "softmax_cross_entropy",
       .infer = infer,
       .gradient = gradient,
       .doc = {"loss = mean over n of -log p[n,label[n]], p = softmax(x)",
               "x f32 [N,K], label i32 [N] -> loss f32 [1], p f32 [N,K]"}},
      {.name = "softmax_cross_entropy_dx",
       .infer = infer_dx,
       .doc = {"dx = (p - onehot(label)) * dloss / N",
               "p f32 [N,K], label i32 [N], dloss f32 [1] -> dx f32 [N,K]"}},
      {.name = "softmax_cross_entropy_and_dx",
       .infer = infer_and_dx,
       .doc =
           {"loss = mean over n of -log p[n,label[n]], dx = (p - onehot(label)) * dloss / N, p = "
            "softmax(x)",
            "x f32 [N,K], label i32 [N], dloss f32 [1] -> loss f32 [1], dx f32 [N,K]"}},
      {.name = "cross_entropy",
       .infer = infer_general,
       .gradient = general_gradient,
       .doc =
           {"loss[n] = sum over k of -weights[k] * ((1 - e) * target[n,k] + e/K) * log p[n,k], "
            "e = label_smoothing; the mean divides by the weights of the labels, or by N",
            "x f32 [N,K], label i32 [N] or target f32 [N,K] -> loss f32 [1] or [N], p f32 [N,K], "
            "divisor f32 [1]",
            general}},
      {.name = "cross_entropy_gradient",
       .infer = infer_general_gradient,
       .doc = {"the gradient of cross_entropy with respect to its first or second input",
               "p f32 [N,K], label or target, dloss, divisor f32 [1] -> dx f32 [N,K]",
               "those of cross_entropy; input (0 or 1)"}}};
}

}  // namespace tessera

// softmax_cross_entropy(logits, labels) -> loss [1] (the mean over the rows), probabilities [N,K];
// softmax_cross_entropy_dx(probabilities, labels, dloss) = (p - onehot(label)) * dloss / N.
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

void gradient(GradientContext& context) {
  if (context.wants(0))
    context.set(0, context.graph().add("softmax_cross_entropy_dx",
                                       {context.output(1), context.input(1), context.dy()}, {},
                                       context.name("dx"))[0]);
}

}  // namespace

CrossEntropy softmax_cross_entropy(Var logits, Var labels, std::string name) {
  const auto outputs =
      logits.graph().add("softmax_cross_entropy", {logits, labels}, {}, std::move(name));
  return {outputs[0], outputs[1]};
}

std::vector<Op> ops::softmax_cross_entropy_ops() {
  return {{"softmax_cross_entropy", infer, gradient}, {"softmax_cross_entropy_dx", infer_dx}};
}

}  // namespace tessera

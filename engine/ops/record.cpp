// record(x, history, counter): in place history[counter mod size] = x, counter = counter + 1.
#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

std::vector<TensorSpec> infer(const InferContext& context) {
  ops::check_count(context, 3, 3);
  ops::check_input(context, 0, "input", DType::f32, 1);
  ops::check_shape(context, 0, "input", {1});
  ops::check_input(context, 1, "history", DType::f32, 1);
  ops::check(context.inputs[1].elements() >= 1, "history has no elements, expected at least 1");
  ops::check_input(context, 2, "counter", DType::i32, 1);
  ops::check_shape(context, 2, "counter", {1});
  return {context.inputs[1], context.inputs[2]};
}

}  // namespace

void record(Var x, Var history, Var counter, std::string name) {
  x.graph().add("record", {x, history, counter}, {}, std::move(name));
}

std::vector<Op> ops::record_ops() {
  return {{.name = "record",
           .infer = infer,
           .updates = {{0, 1}, {1, 2}},
           .doc = {"history[counter mod size] = x, then counter = counter + 1",
                   "x f32 [1], history f32 [size], counter i32 [1] -> the last two in place"}}};
}

}  // namespace tessera

// matmul(a, b[, bias][, residual]): y = op(a) op(b) + bias + residual over the last two dimensions;
// attributes transpose_a, transpose_b (0 or 1), optional activation (epilogue.h). Its gradients are
// matmuls. Broadcast batches are expanded first. Also dense, which is a matmul.
#include "engine/ops/matmul.h"

#include "engine/ops/arguments.h"
#include "engine/ops/broadcast.h"
#include "engine/ops/epilogue.h"
#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

using ops::check;

bool flag(const Attributes& attributes, const char* name) {
  const std::int64_t value = attributes.integer(name);
  check(value == 0 || value == 1, "{} is {}, expected 0 or 1", name, value);
  return value == 1;
}

std::vector<TensorSpec> infer(const InferContext& context) {
  ops::check_count(context, 2, 4);
  ops::check_input(context, 0, "a", DType::f32, -1);
  ops::check_input(context, 1, "b", DType::f32, -1);
  const TensorSpec& a = context.inputs[0];
  const TensorSpec& b = context.inputs[1];
  check(a.rank() >= 2, "a is {}, expected at least 2 dimensions", to_string(a));
  const Shape batch(a.shape.begin(), a.shape.end() - 2);
  check(b.rank() >= 2, "b is {}, expected at least 2 dimensions", to_string(b));
  check(b.rank() == a.rank() && Shape(b.shape.begin(), b.shape.end() - 2) == batch,
        "b is {}, expected the leading dimensions {}", to_string(b), to_string(batch));
  const MatmulGeometry g = matmul_geometry(a.shape, b.shape, context.attributes);
  const std::int64_t b_depth = b.dim(g.transpose_b ? -1 : -2);
  check(b_depth == g.K, "b has depth {}, expected {} as in a {}", b_depth, g.K, to_string(a));
  Shape shape = batch;
  shape.insert(shape.end(), {g.M, g.N});
  const TensorSpec y = {DType::f32, std::move(shape)};
  check_epilogue(context, y);
  return {y};
}

// With y = op(a) op(b): d op(a) = dy op(b)^T, d op(b) = op(a)^T dy; a transposed operand gets the
// transposed product.
void gradient(GradientContext& context) {
  const Var a = context.input(0), b = context.input(1), dy = gradient_of_epilogue(context);
  const bool ta = flag(context.attributes(), "transpose_a");
  const bool tb = flag(context.attributes(), "transpose_b");
  if (context.wants(0))
    context.set(0, ta ? matmul(b, dy, {tb, true}, {}, context.name("da"))
                      : matmul(dy, b, {false, !tb}, {}, context.name("da")));
  if (context.wants(1))
    context.set(1, tb ? matmul(dy, a, {true, ta}, {}, context.name("db"))
                      : matmul(a, dy, {!ta, false}, {}, context.name("db")));
}

}  // namespace

MatmulGeometry matmul_geometry(const Shape& a, const Shape& b, const Attributes& attributes) {
  MatmulGeometry g{};
  g.transpose_a = flag(attributes, "transpose_a");
  g.transpose_b = flag(attributes, "transpose_b");
  const std::size_t rows = a.size() - 2, columns = a.size() - 1;
  g.M = a[g.transpose_a ? columns : rows];
  g.K = a[g.transpose_a ? rows : columns];
  g.N = b[g.transpose_b ? rows : columns];
  g.batch = element_count(Shape(a.begin(), a.end() - 2));
  return g;
}

namespace {

Var append(Var a, Var b, const MatmulOptions& options, std::optional<Var> bias, std::string name) {
  std::vector<Var> inputs = {a, b};
  if (bias) inputs.push_back(*bias);
  return a.graph().add("matmul", inputs,
                       {{"transpose_a", std::int64_t{options.transpose_a}},
                        {"transpose_b", std::int64_t{options.transpose_b}}},
                       std::move(name))[0];
}

Shape leading(const Var& x) { return {x.shape().begin(), x.shape().end() - 2}; }

/// Returns the shape with other leading dimensions before the last two of x.
Shape behind(Shape batch, const Var& x) {
  batch.insert(batch.end(), x.shape().end() - 2, x.shape().end());
  return batch;
}

}  // namespace

Var matmul(Var a, Var b, const MatmulOptions& options, std::optional<Var> bias, std::string name) {
  if (a.spec().rank() < 2 || b.spec().rank() < 2 || leading(a) == leading(b))
    return append(a, b, options, bias, std::move(name));
  const auto batch = broadcast_shape(leading(a), leading(b));
  if (!batch)
    fail("matmul", name, "b is {}, expected leading dimensions that broadcast with {}",
         to_string(b.spec()), to_string(leading(a)));
  if (!options.transpose_a && element_count(leading(b)) == 1) {
    // All rows of a form one tall matrix.
    const std::int64_t K = a.spec().dim(-1), rows = element_count(leading(a)) * a.spec().dim(-2);
    Shape shape = *batch;
    shape.push_back(a.spec().dim(-2));
    const Var y = append(reshape(a, {rows, K}), reshape(b, behind({}, b)), options, bias, name);
    shape.push_back(y.spec().dim(-1));
    return reshape(y, std::move(shape));
  }
  return append(expand(a, behind(*batch, a)), expand(b, behind(*batch, b)), options, bias,
                std::move(name));
}

Var dense(Var x, Var w, std::optional<Var> b, std::string name) {
  if (x.spec().rank() < 2)
    fail("dense", name, "input is {}, expected at least 2 dimensions", to_string(x.spec()));
  if (w.spec().rank() != 2)
    fail("dense", name, "weight is {}, expected 2 dimensions", to_string(w.spec()));
  if (w.shape()[1] != x.spec().dim(-1))
    fail("dense", name, "weight has {} input features, expected {}", w.shape()[1],
         x.spec().dim(-1));
  return matmul(x, w, {false, true}, b, std::move(name));
}

std::vector<Op> ops::matmul_ops() {
  return {{.name = "matmul",
           .infer = infer,
           .gradient = gradient,
           .doc = {"y = activation(op(a) op(b) + bias + residual) over the last two dimensions, op "
                   "is the identity or the transposition",
                   "a f32 [...,M,K], b f32 [...,K,N], (bias f32 [N]), (residual f32 [...,M,N]) -> "
                   "y f32 [...,M,N]",
                   "transpose_a, transpose_b, (activation: relu or relu6)"}}};
}

}  // namespace tessera

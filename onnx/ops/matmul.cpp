// Products of matrices.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "onnx/op_table.h"
#include "tessera/error.h"
#include "tessera/ops.h"

namespace tessera::importer {
namespace {

/// A factor as stored in memory, with its last two dimensions possibly swapped.
struct Factor {
  Var var;
  bool transposed;
};

Factor factor(const Tensor& x) {
  Axes axes = plain_axes(rank_of(x));
  std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
  const bool transposed = axes == x.axes;
  return {transposed ? x.var : plain_var(x), transposed};
}

Var scaled(Var x, double factor) { return factor == 1 ? x : mul(x, factor); }

void check_rank(const Call& call, std::size_t input, bool fits, const char* expected) {
  if (!fits)
    throw Error("onnx", fmt::format("input {} is {}, expected {}", input,
                                    to_string(call.shape(input)), expected));
}

Results gemm(Call& call) {
  for (std::size_t i = 0; i < 2; ++i) check_rank(call, i, call.shape(i).size() == 2, "a matrix");
  const Factor a = factor(call.tensor(0)), b = factor(call.tensor(1));
  const MatmulOptions options = {a.transposed != call.flag("transA"),
                                 b.transposed != call.flag("transB")};
  const double alpha = call.number("alpha", 1), beta = call.number("beta", 1);
  const std::int64_t columns = b.var.shape()[options.transpose_b ? 0 : 1];
  std::optional<Var> c;
  if (call.has(2)) c = plain_var(call.tensor(2));
  if (alpha == 1 && beta == 1 && c && c->shape() == Shape{columns})
    return {plain(matmul(a.var, b.var, options, c, call.name()))};
  const Var y = scaled(matmul(a.var, b.var, options, {}, call.name()), alpha);
  return {plain(c ? add(y, scaled(*c, beta)) : y)};
}

Results product(Call& call) {
  Tensor a = call.tensor(0), b = call.tensor(1);
  for (std::size_t i = 0; i < 2; ++i)
    check_rank(call, i, !call.shape(i).empty(), "at least one dimension");
  const bool row = rank_of(a) == 1, column = rank_of(b) == 1;
  if (row) a = reshaped(a, {1, shape_of(a)[0]});
  if (column) b = reshaped(b, {shape_of(b)[0], 1});
  const std::size_t rank = std::max(rank_of(a), rank_of(b));
  const Factor x = factor(with_rank(a, rank)), w = factor(with_rank(b, rank));
  const Var y = matmul(x.var, w.var, {x.transposed, w.transposed}, {}, call.name());
  Shape shape = y.shape();
  if (row) shape.erase(shape.end() - 2);
  if (column) shape.pop_back();
  return {reshaped(plain(y), shape)};
}

}  // namespace

std::vector<Operator> matmul_operators() {
  return {{"Gemm", {2, 3}, gemm}, {"MatMul", two, product}};
}

}  // namespace tessera::importer

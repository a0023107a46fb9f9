// Scaled dot-product attention, a composition of other ops.
#include "tessera/ops/attention.h"

#include <cmath>
#include <limits>

#include "engine/base/checked_size.h"
#include "engine/ops/arguments.h"
#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

/// Returns [L,S] with minus infinity where s > l, else 0. Repeats a row of one zero, S-1 infinities
/// and L+1 zeros, and reads it with rows shorter by one, which shifts each row one place to the
/// right.
Var causal_mask(Graph& graph, std::int64_t L, std::int64_t S) {
  const Var hidden = graph.constant({S - 1}, -std::numeric_limits<double>::infinity());
  const Var row = pad(hidden, {{1, L + 1}});
  const std::int64_t length = L + S;
  const std::int64_t all = checked_mul(L, length + 1, "the causal mask");
  const Var repeated = reshape(expand(row, {L, length + 1}), {all});
  const Var moved = reshape(slice(repeated, 0, 0, L * length), {L, length});
  return slice(moved, 1, 0, S);
}

void check(const Var& q, const Var& k, const Var& v, const AttentionOptions& options,
           const std::string& name) {
  constexpr const char* op = "scaled_dot_product_attention";
  const auto check_rank = [&](const char* what, const Var& x) {
    if (x.spec().dtype != DType::f32)
      fail(op, name, "{} is {}, expected elements of type f32", what, to_string(x.spec()));
    if (x.spec().rank() < 2)
      fail(op, name, "{} is {}, expected at least 2 dimensions", what, to_string(x.spec()));
  };
  check_rank("q", q);
  check_rank("k", k);
  check_rank("v", v);
  const std::int64_t E = q.spec().dim(-1), S = k.spec().dim(-2);
  if (k.spec().dim(-1) != E)
    fail(op, name, "k has {} features, expected {} as q", k.spec().dim(-1), E);
  if (v.spec().dim(-2) != S) fail(op, name, "v has {} rows, expected {} as k", v.spec().dim(-2), S);
  if (S == 0) fail(op, name, "k is {}, expected at least one row", to_string(k.spec()));
  if (options.mask && options.is_causal) fail(op, name, "has a mask, expected none with is_causal");
}

}  // namespace

Var scaled_dot_product_attention(Var q, Var k, Var v, const AttentionOptions& options,
                                 const std::string& name) {
  check(q, k, v, options, name);
  const auto L = q.spec().dim(-2), S = k.spec().dim(-2);
  const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(q.spec().dim(-1))));
  Var scores = matmul(mul(q, scale), k, {.transpose_b = true});
  if (options.mask) scores = add(scores, *options.mask);
  if (options.is_causal) scores = add(scores, causal_mask(q.graph(), L, S));
  return matmul(softmax(scores), v, {}, {}, name);
}

std::vector<Op> ops::attention_ops() { return {}; }

}  // namespace tessera

// Reductions over some dimensions or all.
#include <algorithm>

#include "onnx/op_table.h"
#include "tessera/ops.h"

namespace tessera::importer {
namespace {

using Reduce = Var (*)(Var x, std::vector<std::int64_t> places);

constexpr ReduceOptions keep = {.keepdim = true};

/// Without the dimensions `axes`, which have size 1.
Tensor without(const Tensor& x, const std::vector<std::int64_t>& axes) {
  const Shape from = shape_of(x);
  Shape shape;
  for (std::size_t i = 0; i < from.size(); ++i)
    if (std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(i)) == axes.end())
      shape.push_back(from[i]);
  return reshaped(x, shape);
}

template <Reduce reduce>
Results reduction(Call& call) {
  const Tensor x = call.tensor(0);
  std::vector<std::int64_t> axes = call.setting("axes", 1).value_or(std::vector<std::int64_t>{});
  if (axes.empty() && call.integer("noop_with_empty_axes", 0) == 1) return {x};
  if (axes.empty()) axes = plain_axes(rank_of(x));
  for (std::int64_t& axis : axes) axis = checked_axis(axis, rank_of(x));
  const Tensor y = {axes.empty() ? x.var : reduce(x.var, places_of(x, axes)), x.axes};
  return {call.integer("keepdims", 1) == 1 ? y : without(y, axes)};
}

Var sum_of(Var x, std::vector<std::int64_t> places) { return sum(x, std::move(places), keep); }
Var mean_of(Var x, std::vector<std::int64_t> places) { return mean(x, std::move(places), keep); }
Var largest(Var x, std::vector<std::int64_t> places) { return amax(x, std::move(places), keep); }
Var smallest(Var x, std::vector<std::int64_t> places) { return amin(x, std::move(places), keep); }
Var norm_1(Var x, std::vector<std::int64_t> places) { return norm(x, 1, std::move(places), keep); }
Var norm_2(Var x, std::vector<std::int64_t> places) { return norm(x, 2, std::move(places), keep); }
Var sum_of_squares(Var x, std::vector<std::int64_t> places) {
  return sum_of(square(x), std::move(places));
}
Var log_of_sum(Var x, std::vector<std::int64_t> places) {
  return log(sum_of(x, std::move(places)));
}
Var log_of_sum_of_exponentials(Var x, std::vector<std::int64_t> places) {
  const Var most = largest(x, places);
  return add(most, log(sum_of(exp(sub(x, most)), places)));
}

template <Var (*function)(Var, std::int64_t, const ReduceOptions&, std::string)>
Results place_of_extreme(Call& call) {
  Tensor x = call.tensor(0);
  const std::int64_t axis = checked_axis(call.integer("axis", 0), rank_of(x));
  const std::int64_t place = place_of(x, axis);
  const bool last = call.integer("select_last_index", 0) == 1;
  Var y = function(last ? flip(x.var, {place}) : x.var, place, keep, call.name());
  if (last)  // counted from the end
    y = cast(sub(call.graph().constant(
                     {}, static_cast<double>(shape_of(x)[static_cast<std::size_t>(axis)] - 1)),
                 cast(y, DType::f32)),
             DType::i32);
  const Tensor kept = {y, x.axes};
  return {call.integer("keepdims", 1) == 1 ? kept : without(kept, {axis})};
}

}  // namespace

std::vector<Operator> reduction_operators() {
  return {{"ArgMax", place_of_extreme<argmax>},
          {"ArgMin", place_of_extreme<argmin>},
          {"ReduceL1", reduction<norm_1>},
          {"ReduceL2", reduction<norm_2>},
          {"ReduceLogSum", reduction<log_of_sum>},
          {"ReduceLogSumExp", reduction<log_of_sum_of_exponentials>},
          {"ReduceMax", reduction<largest>},
          {"ReduceMean", reduction<mean_of>},
          {"ReduceMin", reduction<smallest>},
          {"ReduceSum", reduction<sum_of>},
          {"ReduceSumSquare", reduction<sum_of_squares>}};
}

}  // namespace tessera::importer

// Reductions over some dimensions or all.
#include <algorithm>
#include <optional>

#include "onnx/evaluate.h"
#include "onnx/op_table.h"
#include "tessera/error.h"
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

/// The axes that a node names, or all.
std::optional<Axes> axes_of(const Call& call, std::size_t rank) {
  const Axes axes = call.setting("axes", 1).value_or(Axes{});
  if (axes.empty() && call.flag("noop_with_empty_axes")) return {};
  return axes.empty() ? plain_axes(rank) : checked_axes(axes, rank);
}

template <Reduce reduce>
Results reduction(Call& call) {
  const Tensor x = call.tensor(0);
  const auto axes = axes_of(call, rank_of(x));
  if (!axes) return {x};
  const Tensor y = {axes->empty() ? x.var : reduce(x.var, places_of(x, *axes)), x.axes};
  return {call.flag("keepdims", true) ? y : without(y, *axes)};
}

/// Halves are multiplied until one element is left.
Var product_of(Var x, std::vector<std::int64_t> places) {
  for (std::int64_t place : places)
    while (x.spec().dim(place) != 1) {
      const std::int64_t size = x.spec().dim(place), half = (size + 1) / 2;
      PadWidths widths(x.shape().size(), {0, 0});
      widths[static_cast<std::size_t>(place)] = {0, size == 0 ? 1 : 2 * half - size};
      const Var even = pad(x, widths, 1);
      x = size == 0 ? even : mul(slice(even, place, 0, half), slice(even, place, half, 2 * half));
    }
  return x;
}

/// The same of known elements; `of_nothing` is -1 where there is no result of none.
template <double (*combine)(double, double), int of_nothing>
Constant known(const Call& call) {
  const Constant x = call.constant(0);
  const auto axes = axes_of(call, x.shape.size());
  if (!axes) return x;
  Shape kept = x.shape, shape;
  for (std::int64_t axis : *axes) kept[static_cast<std::size_t>(axis)] = 1;
  for (std::size_t i = 0; i < kept.size(); ++i)
    if (std::find(axes->begin(), axes->end(), static_cast<std::int64_t>(i)) == axes->end())
      shape.push_back(kept[i]);
  if (x.numbers.empty() && of_nothing < 0) throw Error("onnx", "there are no elements to reduce");
  call.budget().make(element_count(kept));
  std::vector<double> results(static_cast<std::size_t>(element_count(kept)), of_nothing);
  std::vector<bool> begun(results.size());
  Places places(broadcast_dimensions({x.shape, kept}, x.shape), 2);
  for (std::size_t left = x.numbers.size(); left > 0; --left, places.next()) {
    const double number = x.numbers[places.of(0)];
    const std::size_t at = places.of(1);
    results[at] = begun[at] ? combine(results[at], number) : number;
    begun[at] = true;
  }
  return {x.kind, call.flag("keepdims", true) ? kept : shape, std::move(results)};
}

double plus(double a, double b) { return a + b; }
double times(double a, double b) { return a * b; }
double more(double a, double b) { return std::max(a, b); }
double less(double a, double b) { return std::min(a, b); }

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
  const bool last = call.flag("select_last_index");
  Var y = function(last ? flip(x.var, {place}) : x.var, place, keep, call.name());
  if (last)  // counted from the end
    y = cast(sub(call.graph().constant(
                     {}, static_cast<double>(shape_of(x)[static_cast<std::size_t>(axis)] - 1)),
                 cast(y, DType::f32)),
             DType::i32);
  const Tensor kept = {y, x.axes};
  return {call.flag("keepdims", true) ? kept : without(kept, {axis})};
}

}  // namespace

std::vector<Operator> reduction_operators() {
  return {{"ArgMax", one, place_of_extreme<argmax>},
          {"ArgMin", one, place_of_extreme<argmin>},
          {"ReduceL1", {1, 2}, reduction<norm_1>},
          {"ReduceL2", {1, 2}, reduction<norm_2>},
          {"ReduceLogSum", {1, 2}, reduction<log_of_sum>},
          {"ReduceLogSumExp", {1, 2}, reduction<log_of_sum_of_exponentials>},
          {"ReduceMax", {1, 2}, reduction<largest>, known<more, -1>},
          {"ReduceMean", {1, 2}, reduction<mean_of>},
          {"ReduceMin", {1, 2}, reduction<smallest>, known<less, -1>},
          {"ReduceProd", {1, 2}, reduction<product_of>, known<times, 1>},
          {"ReduceSum", {1, 2}, reduction<sum_of>, known<plus, 0>},
          {"ReduceSumSquare", {1, 2}, reduction<sum_of_squares>}};
}

}  // namespace tessera::importer

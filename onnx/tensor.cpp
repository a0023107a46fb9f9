#include "onnx/tensor.h"

#include <fmt/format.h>

#include <algorithm>

#include "tessera/error.h"
#include "tessera/ops.h"

namespace tessera::importer {
namespace {

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

Tensor plain(Var var) { return {var, plain_axes(var.shape().size())}; }

Shape shape_of(const Tensor& x) {
  Shape shape(x.axes.size());
  for (std::size_t i = 0; i < shape.size(); ++i) shape[index(x.axes[i])] = x.var.shape()[i];
  return shape;
}

std::size_t rank_of(const Tensor& x) { return x.axes.size(); }

std::int64_t place_of(const Tensor& x, std::int64_t axis) { return place_of(x.axes, axis); }

std::vector<std::int64_t> places_of(const Tensor& x, const std::vector<std::int64_t>& axes) {
  std::vector<std::int64_t> places;
  for (std::int64_t axis : axes) places.push_back(place_of(x, axis));
  return places;
}

Var ordered(const Tensor& x, const Axes& axes) {
  if (axes == x.axes) return x.var;
  const auto [moves, moved] = reordering(x.axes, axes, x.var.shape());
  return moved ? permute(x.var, moves) : reshape(x.var, permuted(x.var.shape(), moves));
}

Var plain_var(const Tensor& x) { return ordered(x, plain_axes(rank_of(x))); }

void check_elements(const Shape& from, const Shape& to) {
  if (element_count(from) != element_count(to))
    throw Error("onnx", fmt::format("shape is {}, expected one of the elements of {}",
                                    to_string(to), to_string(from)));
}

Tensor reshaped(const Tensor& x, const Shape& shape) {
  const Shape from = shape_of(x);
  if (from == shape) return x;
  check_elements(from, shape);
  if (element_count(shape) == 0) return plain(reshape(plain_var(x), shape));
  const Reshaping plan = reshaping(x.axes, from, shape);
  return {reshape(ordered(x, plan.before), plan.stored), plan.after};
}

Tensor transposed(Tensor x, const Axes& order) {
  for (std::int64_t& axis : x.axes)
    axis = std::find(order.begin(), order.end(), axis) - order.begin();
  return x;
}

Tensor with_rank(const Tensor& x, std::size_t rank) {
  if (rank_of(x) >= rank) return x;
  const std::size_t added = rank - rank_of(x);
  Shape shape(added, 1);
  shape.insert(shape.end(), x.var.shape().begin(), x.var.shape().end());
  Axes axes = plain_axes(added);
  for (std::int64_t axis : x.axes) axes.push_back(axis + static_cast<std::int64_t>(added));
  return {reshape(x.var, shape), axes};
}

}  // namespace tessera::importer

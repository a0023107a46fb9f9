// Reshapes and transpositions.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "onnx/evaluate.h"
#include "onnx/op_table.h"
#include "tessera/error.h"

namespace tessera::importer {
namespace {

/// Returns the output shape of a node for an input of shape `from`.
using ToShape = Shape (*)(const Call& call, const Shape& from);

template <ToShape to_shape>
Results reshape_to(Call& call) {
  const Tensor x = call.tensor(0);
  return {reshaped(x, to_shape(call, shape_of(x)))};
}

template <ToShape to_shape>
Constant known_to(const Call& call) {
  Constant x = call.constant(0);
  const Shape shape = to_shape(call, x.shape);
  check_elements(x.shape, shape);
  x.shape = shape;
  return x;
}

Shape target(const Call& call, const Shape& from) {
  Shape shape = integers(call.constant(1));
  const bool zeros = call.integer("allowzero", 0) == 1;
  for (std::size_t i = 0; i < shape.size() && !zeros; ++i)
    if (shape[i] == 0 && i < from.size()) shape[i] = from[i];
  if (call.is_batch(from) && std::holds_alternative<Tensor>(call.argument(0)))
    shape = call.for_batch(shape);
  const auto open = std::find(shape.begin(), shape.end(), -1);
  if (open == shape.end()) return shape;
  *open = 1;
  const std::int64_t rest = element_count(shape), all = element_count(from);
  *open = rest > 0 && all % rest == 0 ? all / rest : 0;
  return shape;
}

Shape flat(const Call& call, const Shape& from) {
  const std::int64_t axis = call.integer("axis", 1);
  const auto rank = static_cast<std::int64_t>(from.size());
  const std::int64_t first = axis == rank ? rank : checked_axis(axis, from.size());
  return {element_count(Shape(from.begin(), from.begin() + first)),
          element_count(Shape(from.begin() + first, from.end()))};
}

Shape squeezed(const Call& call, const Shape& from) {
  const auto axes = call.setting("axes", 1);
  std::vector<bool> drop(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) drop[i] = !axes && from[i] == 1;
  for (std::int64_t axis : checked_axes(axes.value_or(Axes{}), from.size()))
    drop[static_cast<std::size_t>(axis)] = true;
  Shape shape;
  for (std::size_t i = 0; i < from.size(); ++i)
    if (!drop[i]) shape.push_back(from[i]);
  return shape;
}

Shape unsqueezed(const Call& call, const Shape& from) {
  Axes axes = call.setting("axes", 1).value_or(Axes{});
  axes = checked_axes(axes, from.size() + axes.size());
  std::sort(axes.begin(), axes.end());
  Shape shape = from;
  for (std::int64_t axis : axes) shape.insert(shape.begin() + axis, 1);
  return shape;
}

Axes moves_of(const Call& call, std::size_t rank) {
  Axes moves = plain_axes(rank);
  std::reverse(moves.begin(), moves.end());
  moves = call.integers("perm", moves);
  Axes sorted = moves;
  std::sort(sorted.begin(), sorted.end());
  if (sorted != plain_axes(rank))
    throw Error("onnx", fmt::format("perm is {}, expected the dimensions 0 to {}", to_string(moves),
                                    static_cast<std::int64_t>(rank) - 1));
  return moves;
}

Results transpose_of(Call& call) {
  const Tensor x = call.tensor(0);
  return {transposed(x, moves_of(call, rank_of(x)))};
}

Constant known_transpose(const Call& call) {
  const Constant x = call.constant(0);
  const Axes moves = moves_of(call, x.shape.size());
  return built(call.budget(), x.kind, permuted(x.shape, moves), [&](const Shape& index) {
    Shape source(index.size());
    for (std::size_t i = 0; i < index.size(); ++i)
      source[static_cast<std::size_t>(moves[i])] = index[i];
    return element_at(x, source);
  });
}

Results identity(Call& call) { return {call.argument(0)}; }

}  // namespace

std::vector<Operator> reshape_operators() {
  return {{"Flatten", one, reshape_to<flat>, known_to<flat>},
          {"Identity", one, identity},
          {"Reshape", two, reshape_to<target>, known_to<target>},
          {"Squeeze", {1, 2}, reshape_to<squeezed>, known_to<squeezed>},
          {"Transpose", one, transpose_of, known_transpose},
          {"Unsqueeze", {1, 2}, reshape_to<unsqueezed>, known_to<unsqueezed>}};
}

}  // namespace tessera::importer

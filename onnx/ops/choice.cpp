// The largest or smallest elements along a dimension, and their indices.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "onnx/evaluate.h"
#include "onnx/op_table.h"
#include "tessera/error.h"
#include "tessera/ops.h"

namespace tessera::importer {
namespace {

/// Each element needs a pass over all elements.
constexpr std::int64_t most_chosen = 128;

struct Choice {
  std::int64_t axis, count;
  bool largest;
};

Choice choice_of(const Call& call, const Shape& x) {
  const std::vector<std::int64_t> k =
      call.has_attribute("k") ? Shape{call.integer("k", 0)} : integers(call.constant(1));
  const std::int64_t axis = checked_axis(call.integer("axis", -1), x.size());
  const std::int64_t size = x[static_cast<std::size_t>(axis)];
  if (k.size() != 1 || k[0] < 1 || k[0] > std::min(size, most_chosen))
    throw Error("onnx", fmt::format("k is {}, expected 1 to {}", to_string(k),
                                    std::min(size, most_chosen)));
  return {axis, k[0], call.flag("largest", true)};
}

/// Returns 0, 1, 2, ... along dimension `place`, with size 1 in the others.
Var counted(Call& call, const Var& x, std::int64_t place) {
  Constant numbers{Constant::Kind::number, Shape(x.shape().size(), 1), {}};
  const std::int64_t size = x.spec().dim(place);
  call.budget().make(size);
  numbers.shape[static_cast<std::size_t>(place)] = size;
  for (std::int64_t i = 0; i < size; ++i) numbers.numbers.push_back(static_cast<double>(i));
  return call.held(".places", numbers).var;
}

/// Finds the best element, then the best of the rest, and so on.
Results top(Call& call) {
  const Tensor x = call.tensor(0);
  const Choice choice = choice_of(call, shape_of(x));
  const std::int64_t place = place_of(x, choice.axis);
  const Var numbers = counted(call, x.var, place);
  const double worst = std::numeric_limits<float>::infinity();
  const Var nothing = call.graph().constant({}, choice.largest ? -worst : worst);
  std::vector<Var> values, places;
  Var left = x.var;
  for (std::int64_t i = 0; i < choice.count; ++i) {
    const Var best = choice.largest ? argmax(left, place, {.keepdim = true})
                                    : argmin(left, place, {.keepdim = true});
    places.push_back(cast(best, DType::f32));
    values.push_back(gather(x.var, best, place));
    if (i + 1 < choice.count) left = where(equal(numbers, places.back()), nothing, left);
  }
  return {Tensor{concat(values, place, call.name()), x.axes},
          Tensor{cast(concat(places, place), DType::i32), x.axes}};
}

}  // namespace

std::vector<Operator> choice_operators() { return {{"TopK", {1, 2}, top}}; }

}  // namespace tessera::importer

// Concatenation, repetition and gathers.
#include <fmt/format.h>

#include <algorithm>

#include "engine/base/checked_size.h"
#include "onnx/evaluate.h"
#include "onnx/op_table.h"
#include "tessera/error.h"
#include "tessera/ops.h"

namespace tessera::importer {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

Results concatenation(Call& call) {
  std::vector<Tensor> parts;
  for (std::size_t i = 0; i < call.inputs(); ++i) parts.push_back(call.tensor(i));
  const auto image = std::find_if(parts.begin(), parts.end(),
                                  [](const Tensor& x) { return x.axes != plain_axes(rank_of(x)); });
  const Tensor& first = image == parts.end() ? parts.at(0) : *image;
  std::vector<Var> vars;
  for (const Tensor& part : parts) {
    if (rank_of(part) != rank_of(first))
      throw Error("onnx", fmt::format("inputs have {} and {} dimensions, expected as many of each",
                                      rank_of(first), rank_of(part)));
    vars.push_back(ordered(part, first.axes));
  }
  return {Tensor{concat(vars, place_of(first, call.integer("axis", 0)), call.name()), first.axes}};
}

Constant known_concatenation(const Call& call) {
  std::vector<Constant> parts;
  for (std::size_t i = 0; i < call.inputs(); ++i) parts.push_back(call.constant(i));
  Shape shape = parts.at(0).shape;
  const std::size_t axis = at(checked_axis(call.integer("axis", 0), shape.size()));
  for (std::size_t i = 1; i < parts.size(); ++i) {
    Shape same = parts[i].shape;
    if (same.size() == shape.size()) same[axis] = shape[axis];
    if (same != shape)
      throw Error("onnx",
                  fmt::format("inputs are {} and {}, expected to differ in dimension {} only",
                              to_string(parts[0].shape), to_string(parts[i].shape), axis));
    shape[axis] = checked_add(shape[axis], parts[i].shape[axis], "a dimension");
  }
  return built(call.budget(), parts[0].kind, shape, [&](Shape index) {
    std::size_t part = 0;
    for (; index[axis] >= parts[part].shape[axis]; ++part) index[axis] -= parts[part].shape[axis];
    return element_at(parts[part], index);
  });
}

Results splitting(Call& call) {
  const Tensor x = call.tensor(0);
  const std::int64_t axis = checked_axis(call.integer("axis", 0), rank_of(x));
  const std::int64_t size = shape_of(x)[at(axis)];
  auto sizes = call.setting("split", 1);
  if (!sizes) {
    const auto count = static_cast<std::int64_t>(call.outputs());
    if (count == 0) throw Error("onnx", "there are no outputs, expected at least 1");
    const std::int64_t most = (size + count - 1) / count;
    sizes.emplace(at(count), most);
    sizes->back() = size - most * (count - 1);
  }
  Results results;
  for (const Var& part : split(x.var, *sizes, place_of(x, axis), call.name()))
    results.push_back(Tensor{part, x.axes});
  return results;
}

Tensor expanded(const Tensor& x, const Shape& shape) {
  const Shape to = broadcast(shape_of(x), shape);
  const Tensor y = with_rank(x, to.size());
  const Shape memory = permuted(to, y.axes);
  return memory == y.var.shape() ? y : Tensor{expand(y.var, memory), y.axes};
}

Results expansion(Call& call) {
  return {expanded(call.tensor(0), call.for_batch(integers(call.constant(1))))};
}

Constant known_expansion(const Call& call) {
  const Constant x = call.constant(0);
  return built(call.budget(), x.kind, broadcast(x.shape, integers(call.constant(1))),
               [&](const Shape& index) { return element_at(x, index); });
}

/// Each dimension [d] becomes [repeats,d], then one again.
Results tiling(Call& call) {
  const Tensor x = call.tensor(0);
  const Shape shape = shape_of(x), repeats = integers(call.constant(1));
  if (repeats.size() != shape.size())
    throw Error("onnx",
                fmt::format("repeats has {} numbers, expected {}", repeats.size(), shape.size()));
  Shape apart, many, all;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    apart.insert(apart.end(), {1, shape[i]});
    many.insert(many.end(), {repeats[i], shape[i]});
    all.push_back(checked_mul(repeats[i], shape[i], "a dimension"));
  }
  return {reshaped(expanded(reshaped(x, apart), many), all)};
}

/// Negative indices count from the end.
Constant from_front(Constant index, std::int64_t size) {
  for (double& i : index.numbers)
    if (i < 0) i += static_cast<double>(size);
  return index;
}

void check_index(std::int64_t index, std::int64_t size) {
  if (index < 0 || index >= size)
    throw Error("onnx", fmt::format("index is {}, expected less than {}", index, size));
}

/// The shape of x with `axis` replaced by the dimensions of the index.
Shape gathered_shape(const Shape& x, std::size_t axis, const Shape& index) {
  Shape shape = x;
  shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), index.begin(), index.end());
  return shape;
}

/// Returns nonnegative indices i32; indices computed in the graph are already nonnegative.
Var indices(Call& call, std::int64_t size) {
  if (!call.is_constant(1)) return plain_var(call.indices(1));
  return call.held_indices(from_front(call.constant(1), size));
}

Results gathering(Call& call) {
  const Tensor x = call.tensor(0);
  const std::int64_t axis = checked_axis(call.integer("axis", 0), rank_of(x));
  const std::int64_t size = shape_of(x)[at(axis)], place = place_of(x, axis);
  const Shape shape = gathered_shape(shape_of(x), at(axis), call.shape(1));
  if (call.is_constant(1) && call.constant(1).numbers.size() == 1) {
    const auto i = whole(from_front(call.constant(1), size).numbers[0]);
    check_index(i, size);
    return {reshaped({slice(x.var, place, i, i + 1, 1, call.name()), x.axes}, shape)};
  }
  return {plain(take(plain_var(x), indices(call, size), axis, call.name()))};
}

Constant known_gathering(const Call& call) {
  const Constant x = call.constant(0);
  const std::size_t axis = at(checked_axis(call.integer("axis", 0), x.shape.size()));
  const Constant index = from_front(call.constant(1), x.shape[axis]);
  const std::size_t rank = index.shape.size();
  return built(call.budget(), x.kind, gathered_shape(x.shape, axis, index.shape),
               [&](const Shape& y) {
                 const auto begin = y.begin() + static_cast<std::ptrdiff_t>(axis);
                 const auto end = begin + static_cast<std::ptrdiff_t>(rank);
                 Shape source(y.begin(), begin);
                 source.push_back(whole(element_at(index, Shape(begin, end))));
                 check_index(source.back(), x.shape[axis]);
                 source.insert(source.end(), end, y.end());
                 return element_at(x, source);
               });
}

Results gathering_elements(Call& call) {
  const Tensor x = call.tensor(0);
  const std::int64_t axis = checked_axis(call.integer("axis", 0), rank_of(x));
  return {plain(gather(plain_var(x), indices(call, shape_of(x)[at(axis)]), axis, call.name()))};
}

/// [N,H,W,C*r*r] -> [N,H*r,W*r,C]: the channels of ONNX's mode DCR are counted [r,r,C], those of
/// CRD [C,r,r].
Results depth_to_space(Call& call) {
  const Tensor x = call.tensor(0);
  const std::int64_t r = call.size("blocksize", 1);
  const Shape s = shape_of(x);
  if (s.size() != 4 || s[1] % (r * r) != 0)
    throw Error("onnx", fmt::format("input is {}, expected [N,C,H,W] with C a multiple of {}",
                                    to_string(s), r * r));
  const std::int64_t C = s[1] / (r * r);
  const bool depth_first = call.text("mode", "DCR") == "DCR";
  const Shape apart =
      depth_first ? Shape{s[0], r, r, C, s[2], s[3]} : Shape{s[0], C, r, r, s[2], s[3]};
  const Axes order = depth_first ? Axes{0, 3, 4, 1, 5, 2} : Axes{0, 1, 4, 2, 5, 3};
  const Tensor y = transposed(reshaped(x, apart), order);  // [N,C,H,r,W,r]
  return {reshaped(y, {s[0], C, s[2] * r, s[3] * r})};
}

Results space_to_depth(Call& call) {
  const Tensor x = call.tensor(0);
  const std::int64_t r = call.size("blocksize", 1);
  const Shape s = shape_of(x);
  if (s.size() != 4 || s[2] % r != 0 || s[3] % r != 0)
    throw Error("onnx", fmt::format("input is {}, expected [N,C,H,W] with H and W multiples of {}",
                                    to_string(s), r));
  const bool depth_first = call.text("mode", "DCR") == "DCR";
  const Axes order = depth_first ? Axes{0, 3, 5, 1, 2, 4} : Axes{0, 1, 3, 5, 2, 4};
  const Tensor y = transposed(reshaped(x, {s[0], s[1], s[2] / r, r, s[3] / r, r}), order);
  return {reshaped(y, {s[0], s[1] * r * r, s[2] / r, s[3] / r})};
}

}  // namespace

std::vector<Operator> movement_operators() {
  return {{"Concat", any, concatenation, known_concatenation},
          {"DepthToSpace", one, depth_to_space},
          {"Expand", two, expansion, known_expansion},
          {"Gather", two, gathering, known_gathering},
          {"GatherElements", two, gathering_elements},
          {"SpaceToDepth", one, space_to_depth},
          {"Split", {1, 2}, splitting},
          {"Tile", two, tiling}};
}

}  // namespace tessera::importer

#include "onnx/tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "tessera/error.h"
#include "tessera/ops.h"

namespace tessera::importer {
namespace {

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Dimensions of two shapes, [begin, end) of each, that hold the same elements.
struct Block {
  std::size_t from_begin, from_end, to_begin, to_end;
};

/// The smallest blocks of which both shapes consist. Both have the same number of elements.
std::vector<Block> blocks_of(const Shape& from, const Shape& to) {
  std::vector<Block> blocks;
  for (std::size_t i = 0, j = 0; i < from.size() || j < to.size();) {
    Block block{i, i, j, j};
    std::int64_t a = i < from.size() ? from[i++] : 1, b = j < to.size() ? to[j++] : 1;
    while (a != b) {
      if (a < b && i < from.size())
        a *= from[i++];
      else if (j < to.size())
        b *= to[j++];
      else
        break;
    }
    block.from_end = i;
    block.to_end = j;
    blocks.push_back(block);
  }
  return blocks;
}

/// Where the first dimension of a block stands in memory, of those with more than one element if
/// there are such.
std::size_t memory_place(const Tensor& x, const Shape& shape, const Block& block) {
  std::size_t of_any = x.axes.size(), of_many = x.axes.size();
  for (std::size_t axis = block.from_begin; axis < block.from_end; ++axis) {
    const std::size_t place = index(place_of(x, static_cast<std::int64_t>(axis)));
    of_any = std::min(of_any, place);
    if (shape[axis] != 1) of_many = std::min(of_many, place);
  }
  return of_many < x.axes.size() ? of_many : of_any;
}

}  // namespace

Axes plain_axes(std::size_t rank) {
  Axes axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

Axes channels_last(std::size_t rank) {
  Axes axes = plain_axes(rank);
  if (rank > 2) std::rotate(axes.begin() + 1, axes.begin() + 2, axes.end());
  return axes;
}

Shape permuted(const Shape& shape, const Axes& order) {
  Shape result;
  for (std::int64_t axis : order) result.push_back(shape[index(axis)]);
  return result;
}

Tensor plain(Var var) { return {var, plain_axes(var.shape().size())}; }

Shape shape_of(const Tensor& x) {
  Shape shape(x.axes.size());
  for (std::size_t i = 0; i < shape.size(); ++i) shape[index(x.axes[i])] = x.var.shape()[i];
  return shape;
}

std::size_t rank_of(const Tensor& x) { return x.axes.size(); }

std::int64_t checked_axis(std::int64_t axis, std::size_t rank) {
  const auto dimensions = static_cast<std::int64_t>(rank);
  if (axis < -dimensions || axis >= dimensions)
    throw Error("onnx",
                fmt::format("axis is {}, expected {} to {}", axis, -dimensions, dimensions - 1));
  return axis < 0 ? axis + dimensions : axis;
}

std::int64_t place_of(const Tensor& x, std::int64_t axis) {
  const auto found = std::find(x.axes.begin(), x.axes.end(), checked_axis(axis, x.axes.size()));
  return found - x.axes.begin();
}

std::vector<std::int64_t> places_of(const Tensor& x, const std::vector<std::int64_t>& axes) {
  std::vector<std::int64_t> places;
  for (std::int64_t axis : axes) places.push_back(place_of(x, axis));
  return places;
}

Var ordered(const Tensor& x, const Axes& axes) {
  if (axes == x.axes) return x.var;
  Axes moves;
  Shape shape;
  std::vector<std::int64_t> of_many;  // places of dimensions with more than one element
  for (std::int64_t axis : axes) {
    moves.push_back(place_of(x, axis));
    shape.push_back(x.var.shape()[index(moves.back())]);
    if (shape.back() != 1) of_many.push_back(moves.back());
  }
  const bool moved = !std::is_sorted(of_many.begin(), of_many.end());
  return moved ? permute(x.var, moves) : reshape(x.var, shape);
}

Var plain_var(const Tensor& x) { return ordered(x, plain_axes(rank_of(x))); }

Tensor reshaped(const Tensor& x, const Shape& shape) {
  const Shape from = shape_of(x);
  if (from == shape) return x;
  if (element_count(from) != element_count(shape))
    throw Error("onnx", fmt::format("shape is {}, expected one of the elements of {}",
                                    to_string(shape), to_string(from)));
  if (element_count(shape) == 0) return plain(reshape(plain_var(x), shape));
  std::vector<Block> blocks = blocks_of(from, shape);
  std::stable_sort(blocks.begin(), blocks.end(), [&](const Block& a, const Block& b) {
    return memory_place(x, from, a) < memory_place(x, from, b);
  });
  Axes before, after;
  Shape in_memory;
  for (const Block& block : blocks) {
    for (std::size_t i = block.from_begin; i < block.from_end; ++i)
      before.push_back(static_cast<std::int64_t>(i));
    for (std::size_t i = block.to_begin; i < block.to_end; ++i) {
      after.push_back(static_cast<std::int64_t>(i));
      in_memory.push_back(shape[i]);
    }
  }
  return {reshape(ordered(x, before), in_memory), after};
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

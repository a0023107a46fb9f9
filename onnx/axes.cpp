#include "onnx/axes.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "onnx/budget.h"
#include "tessera/error.h"

namespace tessera::importer {
namespace {

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Ranges of dimensions [begin, end) of two shapes that have the same elements.
struct Block {
  std::size_t from_begin, from_end, to_begin, to_end;
};

/// Returns the smallest common blocks of two shapes with the same number of elements.
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

/// Returns the stored position of the first dimension of a block, preferably of one with more than
/// one element.
std::size_t stored_place(const Axes& axes, const Shape& shape, const Block& block) {
  std::size_t of_any = axes.size(), of_many = axes.size();
  for (std::size_t axis = block.from_begin; axis < block.from_end; ++axis) {
    const std::size_t place = index(place_of(axes, static_cast<std::int64_t>(axis)));
    of_any = std::min(of_any, place);
    if (shape[axis] != 1) of_many = std::min(of_many, place);
  }
  return of_many < axes.size() ? of_many : of_any;
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

Axes channels_first(std::size_t rank) {
  Axes axes = plain_axes(rank);
  if (rank > 2) std::rotate(axes.begin() + 1, axes.end() - 1, axes.end());
  return axes;
}

Shape permuted(const Shape& shape, const Axes& order) {
  Shape result;
  for (std::int64_t axis : order) result.push_back(shape[index(axis)]);
  return result;
}

std::int64_t checked_axis(std::int64_t axis, std::size_t rank) {
  const auto dimensions = static_cast<std::int64_t>(rank);
  if (axis < -dimensions || axis >= dimensions)
    throw Error("onnx",
                fmt::format("axis is {}, expected {} to {}", axis, -dimensions, dimensions - 1));
  return axis < 0 ? axis + dimensions : axis;
}

Axes checked_axes(Axes axes, std::size_t rank) {
  if (axes.size() > rank || rank > most_dimensions)
    throw Error("onnx", fmt::format("there are {} axes, expected at most {}", axes.size(),
                                    std::min(rank, most_dimensions)));
  std::vector<bool> seen(rank);
  for (std::int64_t& axis : axes) {
    axis = checked_axis(axis, rank);
    if (seen[index(axis)]) throw Error("onnx", fmt::format("axis {} is named twice", axis));
    seen[index(axis)] = true;
  }
  return axes;
}

std::int64_t place_of(const Axes& axes, std::int64_t axis) {
  const auto found = std::find(axes.begin(), axes.end(), checked_axis(axis, axes.size()));
  return found - axes.begin();
}

Reordering reordering(const Axes& now, const Axes& then, const Shape& stored) {
  Reordering result{{}, false};
  std::vector<std::int64_t> of_many;  // places of dimensions with more than one element
  for (std::int64_t axis : then) {
    result.moves.push_back(place_of(now, axis));
    if (stored[index(result.moves.back())] != 1) of_many.push_back(result.moves.back());
  }
  result.moved = !std::is_sorted(of_many.begin(), of_many.end());
  return result;
}

Reshaping reshaping(const Axes& axes, const Shape& from, const Shape& to) {
  std::vector<Block> blocks = blocks_of(from, to);
  std::stable_sort(blocks.begin(), blocks.end(), [&](const Block& a, const Block& b) {
    return stored_place(axes, from, a) < stored_place(axes, from, b);
  });
  Reshaping result;
  for (const Block& block : blocks) {
    for (std::size_t i = block.from_begin; i < block.from_end; ++i)
      result.before.push_back(static_cast<std::int64_t>(i));
    for (std::size_t i = block.to_begin; i < block.to_end; ++i) {
      result.after.push_back(static_cast<std::int64_t>(i));
      result.stored.push_back(to[i]);
    }
  }
  return result;
}

}  // namespace tessera::importer

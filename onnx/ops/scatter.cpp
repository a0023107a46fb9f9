// GatherND and ScatterND, with indices that are known before the model runs.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "engine/base/checked_size.h"
#include "onnx/evaluate.h"
#include "onnx/op_table.h"
#include "tessera/error.h"
#include "tessera/ops.h"

namespace tessera::importer {
namespace {

/// The blocks of x that the indices [...,d] select.
struct Blocks {
  Shape leading;  ///< dimensions of the indices but the last
  Shape block;    ///< shape of one block
  std::vector<std::int64_t> number;
};

/// Reads indices into the dimensions of x from `first` on; earlier dimensions are batches, each
/// with its own indices.
Blocks blocks_of(const Call& call, const Shape& x, std::size_t first) {
  const Constant index = call.constant(1);
  if (index.shape.empty() || first >= index.shape.size() ||
      index.shape.back() > static_cast<std::int64_t>(x.size() - std::min(first, x.size())))
    throw Error("onnx",
                fmt::format("indices are {} for a tensor of {}, expected at most one number "
                            "for each dimension",
                            to_string(index.shape), to_string(x)));
  const auto depth = static_cast<std::size_t>(index.shape.back());
  Blocks blocks{{index.shape.begin(), index.shape.end() - 1},
                {x.begin() + static_cast<std::ptrdiff_t>(first + depth), x.end()},
                {}};
  for (std::size_t i = 0; i < first; ++i)
    if (index.shape[i] != x[i]) throw Error("onnx", "indices have other batches than the data");
  const std::int64_t count = element_count(blocks.leading);
  const Shape batches(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(first));
  // The number of indices per batch.
  const std::int64_t each = count / std::max<std::int64_t>(1, element_count(batches));
  call.budget().make(count);
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t number = i / std::max<std::int64_t>(1, each);
    for (std::size_t d = 0; d < depth; ++d) {
      const std::int64_t size = x[first + d];
      std::int64_t at = whole(index.numbers[static_cast<std::size_t>(i) * depth + d]);
      if (at < 0) at += size;
      if (at < 0 || at >= size)
        throw Error("onnx", fmt::format("index is {}, expected less than {}", at, size));
      number = number * size + at;
    }
    blocks.number.push_back(number);
  }
  return blocks;
}

Shape joined(const Shape& a, const Shape& b) {
  Shape all = a;
  all.insert(all.end(), b.begin(), b.end());
  return all;
}

/// Rows [A,B] of blocks.
Var rows_of(const Tensor& x, std::int64_t block) {
  const Var var = plain_var(x);
  return reshape(var, {block == 0 ? 0 : var.spec().elements() / block, block});
}

Constant list_of(const std::vector<std::int64_t>& numbers) {
  return {Constant::Kind::integer, {std::ssize(numbers)}, {numbers.begin(), numbers.end()}};
}

std::size_t batch_dimensions(const Call& call) {
  const std::int64_t found = call.integer("batch_dims", 0);
  if (found < 0 || found >= std::ssize(call.shape(1)) || found >= std::ssize(call.shape(0)))
    throw Error("onnx", fmt::format("batch_dims is {}, expected less than the dimensions", found));
  return static_cast<std::size_t>(found);
}

Results gathering(Call& call) {
  const Tensor x = call.tensor(0);
  const Blocks blocks = blocks_of(call, shape_of(x), batch_dimensions(call));
  const Var y = take(rows_of(x, element_count(blocks.block)),
                     call.held_indices(list_of(blocks.number)), 0, call.name());
  return {plain(reshape(y, joined(blocks.leading, blocks.block)))};
}

/// Returns the elements of the blocks of a known x.
Constant known_gathering(const Call& call) {
  const Constant x = call.constant(0);
  const Blocks blocks = blocks_of(call, x.shape, batch_dimensions(call));
  const std::int64_t size = element_count(blocks.block);
  Constant y{x.kind, joined(blocks.leading, blocks.block), {}};
  call.budget().make(element_count(y.shape));
  for (std::int64_t number : blocks.number) {
    const auto begin = x.numbers.begin() + number * size;
    y.numbers.insert(y.numbers.end(), begin, begin + size);
  }
  return y;
}

Blocks written_blocks(const Call& call) {
  if (call.text("reduction", "none") != "none")
    throw Error("onnx", "reduction is not none, which is not supported");
  const Blocks blocks = blocks_of(call, call.shape(0), 0);
  const Shape expected = joined(blocks.leading, blocks.block);
  if (call.shape(2) != expected)
    throw Error("onnx", fmt::format("updates are {}, expected {}", to_string(call.shape(2)),
                                    to_string(expected)));
  return blocks;
}

/// Each block of the result is one of x or of the updates, which are appended to x.
Results scattering(Call& call) {
  const Tensor x = call.tensor(0);
  const Blocks blocks = written_blocks(call);
  const std::int64_t size = element_count(blocks.block);
  if (size == 0 || blocks.number.empty()) return {x};
  const Var rows = rows_of(x, size);
  std::vector<std::int64_t> source(static_cast<std::size_t>(rows.shape()[0]));
  call.budget().make(std::ssize(source));
  std::iota(source.begin(), source.end(), 0);
  for (std::size_t i = 0; i < blocks.number.size(); ++i)
    source[static_cast<std::size_t>(blocks.number[i])] =
        rows.shape()[0] + static_cast<std::int64_t>(i);
  const Var both = concat({rows, rows_of(call.tensor(2), size)}, 0);
  return {
      plain(reshape(take(both, call.held_indices(list_of(source)), 0, call.name()), shape_of(x)))};
}

Constant known_scattering(const Call& call) {
  Constant x = call.constant(0);
  const Blocks blocks = written_blocks(call);
  const Constant updates = call.constant(2);
  const std::int64_t size = element_count(blocks.block);
  for (std::size_t i = 0; i < blocks.number.size(); ++i)
    std::copy_n(updates.numbers.begin() + static_cast<std::ptrdiff_t>(i) * size, size,
                x.numbers.begin() + blocks.number[i] * size);
  return x;
}

}  // namespace

std::vector<Operator> scatter_operators() {
  return {{"GatherND", two, gathering, known_gathering},
          {"ScatterND", three, scattering, known_scattering}};
}

}  // namespace tessera::importer

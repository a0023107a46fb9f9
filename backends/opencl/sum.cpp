// Sums. Runs of neighbouring axes are summed one after the other, the last first; each is the
// middle dimension of [outer, reduce, inner]. Long ones are cut into pieces that a second launch
// adds up, always in the same order.
#include <algorithm>

#include "backends/opencl/lowering.h"

namespace tessera::opencl {
namespace {

struct Pass {
  std::int64_t outer, reduce, inner;
};

/// The passes that make the sum, in order; one that copies when there is no axis.
std::vector<Pass> passes(Shape shape, const std::vector<std::int64_t>& axes) {
  std::vector<bool> summed(shape.size(), false);
  for (std::int64_t axis : axes) summed[static_cast<std::size_t>(axis)] = true;
  std::vector<Pass> result;
  std::size_t end = shape.size();
  while (end > 0) {
    if (!summed[end - 1] || shape[end - 1] == 1) {
      --end;
      continue;
    }
    std::size_t begin = end - 1;
    while (begin > 0 && (summed[begin - 1] || shape[begin - 1] == 1)) --begin;
    const auto product = [&](std::size_t from, std::size_t to) {
      return element_count(Shape(shape.begin() + static_cast<std::ptrdiff_t>(from),
                                 shape.begin() + static_cast<std::ptrdiff_t>(to)));
    };
    result.push_back({product(0, begin), product(begin, end), product(end, shape.size())});
    std::fill(shape.begin() + static_cast<std::ptrdiff_t>(begin),
              shape.begin() + static_cast<std::ptrdiff_t>(end), 1);
    end = begin;
  }
  if (result.empty()) result.push_back({1, 1, element_count(shape)});
  return result;
}

/// How many pieces keep the device busy.
std::int64_t piece_count(const Lowering& l, const Pass& pass) {
  constexpr std::int64_t shortest = 64;  // rows of a piece
  const std::int64_t items =
      std::max<std::int64_t>(1, pass.outer * ((pass.inner + l.width() - 1) / l.width()));
  const std::int64_t wanted =
      std::int64_t{l.traits().compute_units} * (l.traits().is_cpu ? 4 : 256);
  const std::int64_t most = std::max<std::int64_t>(1, pass.reduce / shortest);
  const std::int64_t pieces = std::clamp<std::int64_t>((wanted + items - 1) / items, 1, most);
  const std::int64_t length = std::max<std::int64_t>(1, (pass.reduce + pieces - 1) / pieces);
  return std::max<std::int64_t>(1, (pass.reduce + length - 1) / length);  // none is empty
}

void launch_pieces(Lowering& l, const Pass& pass, std::int64_t pieces, const cl::Buffer& x,
                   const cl::Buffer& y) {
  const std::int64_t length = (pass.reduce + pieces - 1) / pieces;
  if (pass.inner == 1) {
    l.launch_items("sum.cl", l.defines(), "sum_rows", pass.outer * pieces, 1, x, y,
                   l.to_int(pass.reduce), l.to_int(pieces), l.to_int(length));
    return;
  }
  const std::int64_t vectors = (pass.inner + l.width() - 1) / l.width();
  l.launch_items("sum.cl", l.defines(), "sum_columns", pass.outer * pieces * vectors, 1, x, y,
                 l.to_int(pass.reduce), l.to_int(pass.inner), l.to_int(pieces), l.to_int(length),
                 l.to_int(pass.outer * pass.reduce * pass.inner));
}

void lower(Lowering& l) {
  const auto all = passes(l.input_spec(0).shape, l.attributes().integers("axes"));
  cl::Buffer x = l.input(0);
  for (std::size_t i = 0; i < all.size(); ++i) {
    Pass pass = all[i];
    const std::int64_t pieces = piece_count(l, pass);
    if (pieces > 1) {
      cl::Buffer partial =
          l.workspace(static_cast<std::size_t>(pass.outer * pieces * pass.inner) * sizeof(float));
      launch_pieces(l, pass, pieces, x, partial);
      x = partial;
      pass.reduce = pieces;
    }
    cl::Buffer y =
        i + 1 == all.size()
            ? l.output(0)
            : l.workspace(static_cast<std::size_t>(pass.outer * pass.inner) * sizeof(float));
    launch_pieces(l, pass, 1, x, y);
    x = y;
  }
}

}  // namespace

std::vector<OpLowering> sum_lowerings() { return {{"sum", {{"pieces", never_refuses, lower}}}}; }

}  // namespace tessera::opencl

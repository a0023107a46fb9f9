// The functions of tessera/ops/shape.h, which compute attributes and append the ops of rearrange
// and reshape.
#include "tessera/ops/shape.h"

#include <algorithm>
#include <numeric>

#include "engine/base/checked_size.h"
#include "engine/ops/arguments.h"
#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

/// Returns `axis` counted from the start; unchanged if it is out of range, which infer reports.
std::int64_t from_start(std::int64_t axis, std::int64_t rank) {
  return axis < 0 ? axis + rank : axis;
}

std::string piece_name(const std::string& name, std::size_t i) {
  return name.empty() ? name : fmt::format("{}.{}", name, i);
}

/// Throws Error unless x is [N,H,W,C] and its dimensions are multiples of these.
void check_image(const char* op, const Var& x, const std::array<std::int64_t, 4>& divisors,
                 const std::string& name) {
  check_rank(op, x, 4, name);
  for (std::size_t i = 0; i < 4; ++i)
    if (divisors[i] < 1 || x.shape()[i] % divisors[i] != 0)
      fail(op, name, "dimension {} has {} elements, expected a multiple of {}", i, x.shape()[i],
           divisors[i]);
}

}  // namespace

Var squeeze(Var x, const std::vector<std::int64_t>& axes, std::string name) {
  std::vector<bool> drop(x.shape().size(), axes.empty());
  for (std::int64_t axis : axes) drop[checked_axis("squeeze", x, axis, name)] = true;
  Shape shape;
  for (std::size_t i = 0; i < drop.size(); ++i)
    if (!drop[i] || x.shape()[i] != 1) shape.push_back(x.shape()[i]);
  return reshape(x, std::move(shape), std::move(name));
}

Var unsqueeze(Var x, std::int64_t axis, std::string name) {
  const std::int64_t rank = x.spec().rank(), at = from_start(axis, rank + 1);
  if (at < 0 || at > rank)
    fail("unsqueeze", name, "axis is {}, expected {} to {}", axis, -rank - 1, rank);
  Shape shape = x.shape();
  shape.insert(shape.begin() + at, 1);
  return reshape(x, std::move(shape), std::move(name));
}

Var permute(Var x, std::vector<std::int64_t> axes, std::string name) {
  for (std::int64_t& axis : axes) axis = from_start(axis, x.spec().rank());
  return x.graph().add("permute", {x}, {{"axes", std::move(axes)}}, std::move(name))[0];
}

Var transpose(Var x, std::int64_t axis0, std::int64_t axis1, std::string name) {
  std::vector<std::int64_t> axes(x.shape().size());
  std::iota(axes.begin(), axes.end(), 0);
  std::swap(axes[checked_axis("transpose", x, axis0, name)],
            axes[checked_axis("transpose", x, axis1, name)]);
  return permute(x, std::move(axes), std::move(name));
}

Var flip(Var x, std::vector<std::int64_t> axes, std::string name) {
  for (std::int64_t& axis : axes) axis = from_start(axis, x.spec().rank());
  return x.graph().add("flip", {x}, {{"axes", std::move(axes)}}, std::move(name))[0];
}

Var slice(Var x, std::int64_t axis, std::int64_t start, std::optional<std::int64_t> stop,
          std::int64_t step, std::string name) {
  const std::size_t number = checked_axis("slice", x, axis, name);
  const std::int64_t whole = x.shape()[number];
  const auto position = [&](std::int64_t i) {
    return std::clamp<std::int64_t>(i < 0 ? i + whole : i, 0, whole);
  };
  const std::int64_t first = position(start), last = position(stop.value_or(whole));
  // infer refuses a step below 1.
  const std::int64_t size = step < 1 || last <= first ? 0 : (last - first - 1) / step + 1;
  return x.graph().add("slice", {x},
                       {{"axis", static_cast<std::int64_t>(number)},
                        {"start", first},
                        {"step", step},
                        {"size", size}},
                       std::move(name))[0];
}

std::vector<Var> split(Var x, const std::vector<std::int64_t>& sizes, std::int64_t axis,
                       const std::string& name) {
  const std::int64_t whole = x.shape()[checked_axis("split", x, axis, name)];
  std::int64_t rest = whole;
  const bool fits = std::all_of(sizes.begin(), sizes.end(), [&](std::int64_t size) {
    return size >= 0 && size <= rest && (rest -= size, true);
  });
  if (!fits || rest != 0)
    fail("split", name, "sizes are {}, expected {} in all", to_string(sizes), whole);
  std::vector<Var> pieces;
  std::int64_t start = 0;
  for (std::size_t i = 0; i < sizes.size(); start += sizes[i++])
    pieces.push_back(slice(x, axis, start, start + sizes[i], 1, piece_name(name, i)));
  return pieces;
}

std::vector<Var> split(Var x, std::int64_t size, std::int64_t axis, const std::string& name) {
  const std::int64_t whole = x.shape()[checked_axis("split", x, axis, name)];
  if (size < 1) fail("split", name, "size is {}, expected at least 1", size);
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(whole / size), size);
  if (whole % size != 0) sizes.push_back(whole % size);
  return split(x, sizes, axis, name);
}

Var concat(const std::vector<Var>& xs, std::int64_t axis, std::string name) {
  if (xs.empty()) fail("concat", name, "has no inputs, expected at least 1");
  const auto number = static_cast<std::int64_t>(checked_axis("concat", xs[0], axis, name));
  return xs[0].graph().add("concat", xs, {{"axis", number}}, std::move(name))[0];
}

Var expand(Var x, Shape shape, std::string name) {
  for (std::size_t i = 1; i <= std::min(shape.size(), x.shape().size()); ++i)
    if (std::int64_t& size = shape[shape.size() - i]; size == -1)
      size = x.shape()[x.shape().size() - i];
  return x.graph().add("expand", {x}, {{"shape", std::move(shape)}}, std::move(name))[0];
}

Var pad(Var x, const PadWidths& widths, double value, std::string name) {
  std::vector<std::int64_t> before, after;
  for (const auto& width : widths) {
    before.push_back(width[0]);
    after.push_back(width[1]);
  }
  return x.graph().add(
      "pad", {x}, {{"before", std::move(before)}, {"after", std::move(after)}, {"value", value}},
      std::move(name))[0];
}

Var pixel_shuffle(Var x, std::int64_t r, const std::string& name) {
  if (r < 1) fail("pixel_shuffle", name, "r is {}, expected at least 1", r);
  check_image("pixel_shuffle", x, {1, 1, 1, checked_mul(r, r, "pixel_shuffle: r * r")}, name);
  const std::int64_t n = x.shape()[0], h = x.shape()[1], w = x.shape()[2];
  const std::int64_t c = x.shape()[3] / (r * r);
  const Var parts = permute(reshape(x, {n, h, w, c, r, r}), {0, 1, 4, 2, 5, 3}, name);
  return reshape(parts, {n, checked_mul(h, r, "the rows"), checked_mul(w, r, "the columns"), c});
}

Var pixel_unshuffle(Var x, std::int64_t r, const std::string& name) {
  check_image("pixel_unshuffle", x, {1, r, r, 1}, name);
  const std::int64_t n = x.shape()[0], h = x.shape()[1] / r, w = x.shape()[2] / r;
  const std::int64_t c = x.shape()[3];
  const Var parts = permute(reshape(x, {n, h, r, w, r, c}), {0, 1, 3, 5, 2, 4}, name);
  return reshape(parts, {n, h, w, checked_product({c, r, r}, "the channels")});
}

}  // namespace tessera

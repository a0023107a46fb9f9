// Parts of tensors and padding.
#include <fmt/format.h>

#include <algorithm>

#include "onnx/evaluate.h"
#include "onnx/op_table.h"
#include "tessera/error.h"
#include "tessera/ops.h"

namespace tessera::importer {
namespace {

/// Along one dimension: `count` elements from `start` on, each `step` further.
struct Range {
  std::size_t axis;
  std::int64_t start, step, count;
};

Range range_of(std::size_t axis, std::int64_t size, std::int64_t start, std::int64_t end,
               std::int64_t step) {
  if (step == 0) throw Error("onnx", "step is 0, expected another number");
  step = std::clamp(step, -size - 1, size + 1);  // longer steps select one element too
  const std::int64_t least = step > 0 ? 0 : -1, most = step > 0 ? size : size - 1;
  const auto place = [&](std::int64_t i, std::int64_t first) {
    return std::clamp(i < 0 && i >= -size ? i + size : i, first, most);
  };
  start = place(start, 0);
  end = place(end, least);
  const std::int64_t room = step > 0 ? end - start : start - end;
  const std::int64_t stride = step > 0 ? step : -step;
  return {axis, start, step, std::max<std::int64_t>(0, (room - 1 + stride) / stride)};
}

std::vector<Range> ranges_of(const Call& call, const Shape& x) {
  const auto given = [&](const char* name, std::size_t input) { return call.setting(name, input); };
  const auto starts = given("starts", 1).value_or(Shape{}),
             ends = given("ends", 2).value_or(Shape{});
  const auto axes = checked_axes(given("axes", 3).value_or(plain_axes(starts.size())), x.size());
  const auto steps = given("steps", 4).value_or(Shape(starts.size(), 1));
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    throw Error("onnx", fmt::format("there are {} starts, {} ends, {} axes and {} steps, expected "
                                    "as many of each",
                                    starts.size(), ends.size(), axes.size(), steps.size()));
  std::vector<Range> ranges;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const auto axis = static_cast<std::size_t>(axes[i]);
    ranges.push_back(range_of(axis, x[axis], starts[i], ends[i], steps[i]));
  }
  return ranges;
}

Results slicing(Call& call) {
  Tensor x = call.tensor(0);
  for (const Range& range : ranges_of(call, shape_of(x))) {
    const std::int64_t place = place_of(x, static_cast<std::int64_t>(range.axis));
    const std::int64_t size = x.var.spec().dim(place);
    const bool backward = range.step < 0;
    if (backward) x.var = flip(x.var, {place});
    const std::int64_t start = backward ? size - 1 - range.start : range.start;
    const std::int64_t step = backward ? -range.step : range.step;
    const std::int64_t end = range.count == 0 ? start : start + (range.count - 1) * step + 1;
    if (start != 0 || end != size || step != 1) x.var = slice(x.var, place, start, end, step);
  }
  return {x};
}

Constant known_slicing(const Call& call) {
  const Constant x = call.constant(0);
  const std::vector<Range> ranges = ranges_of(call, x.shape);
  Shape shape = x.shape;
  for (const Range& range : ranges) shape[range.axis] = range.count;
  return built(call.budget(), x.kind, shape, [&](Shape index) {
    for (const Range& range : ranges)
      index[range.axis] = range.start + index[range.axis] * range.step;
    return element_at(x, index);
  });
}

PadMode mode_of(const std::string& mode) {
  if (mode == "reflect") return PadMode::reflect;
  if (mode == "edge") return PadMode::replicate;
  if (mode == "wrap") return PadMode::circular;
  throw Error("onnx", "mode is none of constant, reflect, edge and wrap");
}

/// Returns the padding of the dimensions in memory.
PadWidths widths_of(const Call& call, const Tensor& x) {
  const Shape pads = call.setting("pads", 1).value_or(Shape{});
  Axes axes = plain_axes(rank_of(x));
  if (call.has(3)) axes = checked_axes(integers(call.constant(3)), rank_of(x));
  if (pads.size() != 2 * axes.size())
    throw Error("onnx",
                fmt::format("pads has {} numbers, expected {}", pads.size(), 2 * axes.size()));
  for (std::int64_t pad : pads)
    if (pad < -most_elements || pad > most_elements)
      throw Error("onnx", fmt::format("pads has {}, expected at most {}", pad, most_elements));
  PadWidths widths(rank_of(x), {0, 0});
  for (std::size_t i = 0; i < axes.size(); ++i)
    widths[static_cast<std::size_t>(place_of(x, axes[i]))] = {pads[i], pads[i + axes.size()]};
  return widths;
}

Results padding(Call& call) {
  const Tensor x = call.tensor(0);
  const PadWidths widths = widths_of(call, x);
  const std::string mode = call.text("mode", "constant");
  if (mode == "constant") {
    const double value =
        call.has(2) ? call.number_setting("value", 2).value_or(0) : call.number("value", 0);
    return {Tensor{pad(x.var, widths, value, call.name()), x.axes}};
  }
  // Cropped elements are not repeated.
  PadWidths cut = widths, added = widths;
  for (std::size_t i = 0; i < widths.size(); ++i)
    for (std::size_t side = 0; side < 2; ++side) {
      cut[i][side] = std::min<std::int64_t>(0, widths[i][side]);
      added[i][side] = std::max<std::int64_t>(0, widths[i][side]);
    }
  const Var rest = cut == PadWidths(cut.size()) ? x.var : pad(x.var, cut);
  return {Tensor{pad(rest, added, mode_of(mode), call.name()), x.axes}};
}

}  // namespace

std::vector<Operator> slice_operators() {
  return {{"Pad", {1, 4}, padding}, {"Slice", {1, 5}, slicing, known_slicing}};
}

}  // namespace tessera::importer

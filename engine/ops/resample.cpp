// resample(x): along one axis each element of y is a weighted sum of a few of x. Attributes: axis,
// size (of y), mode: "nearest" or "linear" (align_corners, factor: 0 for out / in), "reflect",
// "replicate" or "circular" (before), "average" (kernel, stride, padding, count_include_pad),
// "adaptive" and "table" (index, weight: as many for each element of y). Its gradient resample_dx
// (input_size) is the transposed sum.
#include "engine/ops/resample.h"

#include <algorithm>
#include <cmath>

#include "engine/base/checked_size.h"
#include "engine/ops/arguments.h"
#include "engine/ops/op_table.h"
#include "engine/ops/pool_windows.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

using ops::check;

struct Tap {
  std::int64_t index;
  float weight;
};

bool is_padding(const std::string& mode) {
  return mode == "reflect" || mode == "replicate" || mode == "circular";
}

std::int64_t padded_index(const std::string& mode, std::int64_t i, std::int64_t size) {
  if (mode == "circular") return (i + size) % size;
  if (mode == "replicate") return std::clamp<std::int64_t>(i, 0, size - 1);
  return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
}

/// Returns the pooling along the axis; `size` shows whether it rounds up.
PoolAxis pool_axis(const Attributes& attributes) {
  return {attributes.integer("kernel"), attributes.integer("stride"),
          attributes.integer("padding")};
}

std::vector<Tap> mean_taps(const PoolWindow& window, std::int64_t divisor) {
  std::vector<Tap> taps;
  for (std::int64_t i = window.begin; i < window.end; ++i)
    taps.push_back({i, 1 / static_cast<float>(divisor)});
  return taps;
}

std::vector<Tap> table_taps(const Attributes& attributes, std::int64_t j, std::int64_t out) {
  const auto& index = attributes.integers("index");
  const auto& weight = attributes.numbers("weight");
  const std::size_t count = index.size() / static_cast<std::size_t>(out);
  std::vector<Tap> taps;
  for (std::size_t i = 0, at = static_cast<std::size_t>(j) * count; i < count; ++i, ++at)
    if (weight[at] != 0) taps.push_back({index[at], static_cast<float>(weight[at])});
  return taps;
}

/// In single precision like PyTorch, so that equal sizes give equal indices.
std::vector<Tap> taps(const Attributes& attributes, std::int64_t j, std::int64_t in,
                      std::int64_t out) {
  const std::string& mode = attributes.text("mode");
  if (is_padding(mode)) return {{padded_index(mode, j - attributes.integer("before"), in), 1.0f}};
  if (mode == "table") return table_taps(attributes, j, out);
  if (mode == "adaptive") {
    const PoolWindow window = adaptive_pool_window(in, out, j);
    return mean_taps(window, window.end - window.begin);
  }
  if (mode == "average") {
    const PoolWindow window = pool_window(in, pool_axis(attributes), j);
    const bool padded = attributes.integer("count_include_pad") == 1;
    return mean_taps(window, padded ? window.padded : window.end - window.begin);
  }
  const double factor = attributes.number("factor");
  const float scale = factor > 0 ? static_cast<float>(1 / factor)
                                 : static_cast<float>(in) / static_cast<float>(out);
  const auto place = static_cast<float>(j);
  if (mode == "nearest")
    return {{std::min(static_cast<std::int64_t>(std::floor(place * scale)), in - 1), 1.0f}};
  float source;
  if (attributes.integer("align_corners") == 1)
    source = out > 1 ? place * (static_cast<float>(in - 1) / static_cast<float>(out - 1)) : 0.0f;
  else
    source = std::max(0.0f, scale * (place + 0.5f) - 0.5f);
  const std::int64_t below = std::min(static_cast<std::int64_t>(source), in - 1);
  const float part = source - static_cast<float>(below);
  if (below == in - 1 || part == 0) return {{below, 1.0f}};
  return {{below, 1 - part}, {below + 1, part}};
}

void check_table(const Attributes& attributes, std::int64_t in, std::int64_t out) {
  const auto& index = attributes.integers("index");
  const std::size_t weights = attributes.numbers("weight").size();
  check(weights == index.size() && index.size() % static_cast<std::size_t>(out) == 0,
        "there are {} indices and {} weights, expected as many of each for the {} elements",
        index.size(), weights, out);
  for (std::int64_t i : index) check(i >= 0 && i < in, "index is {}, expected 0 to {}", i, in - 1);
}

/// Throws Error unless the weights of all elements can be counted in 32 bits.
void check_taps(std::int64_t out, std::int64_t of_each) {
  check(out <= ops::most_size / of_each, "{} elements have {} weights each, expected at most {}",
        out, of_each, ops::most_size);
}

/// Checks that `in` elements along the axis can be resampled to `out`.
void check_attributes(const Attributes& attributes, std::int64_t in, std::int64_t out) {
  const std::string& mode = attributes.text("mode");
  check(in >= 1, "dimension {} has no elements, expected at least 1", attributes.integer("axis"));
  check(in <= ops::most_size, "dimension {} has {} elements, expected at most {}",
        attributes.integer("axis"), in, ops::most_size);
  check(out >= 1 && out <= ops::most_size, "size is {}, expected 1 to {}", out, ops::most_size);
  if (is_padding(mode)) {
    const std::int64_t before = attributes.integer("before");
    const std::int64_t after = checked_sub(out - in, before, "the width behind");
    const std::int64_t most = mode == "reflect" ? in - 1 : mode == "circular" ? in : out;
    check(before >= 0 && after >= 0 && before <= most && after <= most,
          "widths are {} and {}, expected 0 to {} ({}, {} elements)", before, after, most, mode,
          in);
    return;
  }
  if (mode == "adaptive") return check_taps(out, in / out + 2);
  if (mode == "table") return check_table(attributes, in, out);
  if (mode == "average") {
    PoolAxis axis = pool_axis(attributes);
    axis.ceil_mode = true;
    const std::int64_t most = pool_output_size(in, axis, "elements");
    axis.ceil_mode = false;
    check(out == most || out == pool_output_size(in, axis, "elements"),
          "size is {}, expected {}, or one less without rounding up", out, most);
    const std::int64_t count = attributes.integer("count_include_pad");
    check(count == 0 || count == 1, "count_include_pad is {}, expected 0 or 1", count);
    return check_taps(out, std::min(in, axis.kernel));
  }
  check(
      mode == "nearest" || mode == "linear",
      "mode is '{}', expected nearest, linear, reflect, replicate, circular, average, adaptive or "
      "table",
      mode);
  const double factor = attributes.number("factor");
  check(factor == 0 || (factor >= 0x1p-31 && factor <= 0x1p31),
        "factor is {}, expected 0 or from 2^-31 to 2^31", factor);
  check_taps(out, 2);
  const std::int64_t align = attributes.integer("align_corners");
  check(align == 0 || (align == 1 && mode == "linear"),
        "align_corners is {} in mode {}, expected 0, or 1 in mode linear", align, mode);
}

std::size_t checked_axis(const InferContext& context) {
  ops::check_count(context, 1, 1);
  ops::check_input(context, 0, "input", DType::f32, -1);
  const std::int64_t axis = context.attributes.integer("axis");
  const std::int64_t rank = context.inputs[0].rank();
  check(axis >= 0 && axis < rank, "axis is {}, expected 0 to {}", axis, rank - 1);
  return static_cast<std::size_t>(axis);
}

std::vector<TensorSpec> infer(const InferContext& context) {
  const std::size_t axis = checked_axis(context);
  TensorSpec y = context.inputs[0];
  const std::int64_t size = context.attributes.integer("size");
  check_attributes(context.attributes, y.shape[axis], size);
  y.shape[axis] = size;
  return {y};
}

std::vector<TensorSpec> infer_dx(const InferContext& context) {
  const std::size_t axis = checked_axis(context);
  TensorSpec dx = context.inputs[0];
  const std::int64_t size = context.attributes.integer("size");
  check(dx.shape[axis] == size, "dy has {} elements along dimension {}, expected {}",
        dx.shape[axis], axis, size);
  dx.shape[axis] = context.attributes.integer("input_size");
  check_attributes(context.attributes, dx.shape[axis], size);
  return {dx};
}

void gradient(GradientContext& context) {
  auto attributes = context.attributes().all();
  attributes["input_size"] = context.input(0).spec().dim(context.attributes().integer("axis"));
  context.set(0, context.graph().add("resample_dx", {context.dy()},
                                     Attributes(std::move(attributes)), context.name("dx"))[0]);
}

/// Returns the transposed matrix.
std::vector<std::vector<Tap>> transposed(const std::vector<std::vector<Tap>>& rows,
                                         std::int64_t columns) {
  std::vector<std::vector<Tap>> result(static_cast<std::size_t>(columns));
  for (std::size_t j = 0; j < rows.size(); ++j)
    for (const Tap& tap : rows[j])
      result[static_cast<std::size_t>(tap.index)].push_back(
          {static_cast<std::int64_t>(j), tap.weight});
  return result;
}

Var resize_axis(Var x, std::int64_t axis, std::int64_t size, double factor,
                const ResizeOptions& options, const std::string& name) {
  const bool linear = options.mode == Interpolation::bilinear;
  return x.graph().add("resample", {x},
                       {{"axis", axis},
                        {"size", size},
                        {"mode", std::string(linear ? "linear" : "nearest")},
                        {"align_corners", std::int64_t{options.align_corners}},
                        {"factor", factor}},
                       name)[0];
}

}  // namespace

Resampling resampling(bool is_gradient, const Shape& from, const Shape& to,
                      const Attributes& attributes) {
  const auto axis = static_cast<std::ptrdiff_t>(attributes.integer("axis"));
  const auto at = static_cast<std::size_t>(axis);
  Resampling r{element_count(Shape(from.begin(), from.begin() + axis)),
               from[at],
               to[at],
               element_count(Shape(from.begin() + axis + 1, from.end())),
               {0},
               {},
               {}};
  const std::int64_t in = is_gradient ? r.out : r.in, out = is_gradient ? r.in : r.out;
  std::vector<std::vector<Tap>> rows;
  for (std::int64_t j = 0; j < out; ++j) rows.push_back(taps(attributes, j, in, out));
  if (is_gradient) rows = transposed(rows, in);
  for (const std::vector<Tap>& row : rows) {
    for (const Tap& tap : row) {
      r.index.push_back(static_cast<std::int32_t>(tap.index));
      r.weight.push_back(tap.weight);
    }
    r.first.push_back(static_cast<std::int32_t>(r.index.size()));
  }
  return r;
}

Var resize(Var x, const std::array<std::int64_t, 2>& size, const ResizeOptions& options,
           const std::string& name) {
  check_rank("resize", x, 4, name);
  return resize_axis(resize_axis(x, 1, size[0], 0, options, name), 2, size[1], 0, options, name);
}

Var resize_by(Var x, const std::array<double, 2>& factors, const ResizeOptions& options,
              const std::string& name) {
  check_rank("resize_by", x, 4, name);
  Var y = x;
  for (std::size_t i = 0; i < 2; ++i) {
    const double size = std::floor(static_cast<double>(x.shape()[i + 1]) * factors[i]);
    if (!(factors[i] > 0) || !(size < 0x1.0p31))
      fail("resize_by", name, "factor is {}, expected above 0 and a size below 2^31", factors[i]);
    y = resize_axis(y, static_cast<std::int64_t>(i) + 1, static_cast<std::int64_t>(size),
                    factors[i], options, name);
  }
  return y;
}

Var pad(Var x, const PadWidths& widths, PadMode mode, const std::string& name) {
  if (widths.size() != x.shape().size())
    fail("pad", name, "widths are for {} dimensions, expected {}", widths.size(), x.shape().size());
  const char* const names[] = {"reflect", "replicate", "circular"};
  Var y = x;
  for (std::size_t i = 0; i < widths.size(); ++i)
    if (widths[i][0] != 0 || widths[i][1] != 0)
      y = x.graph().add("resample", {y},
                        {{"axis", static_cast<std::int64_t>(i)},
                         {"size", checked_add(checked_add(x.shape()[i], widths[i][0], "the size"),
                                              widths[i][1], "the size")},
                         {"mode", std::string(names[static_cast<std::size_t>(mode)])},
                         {"before", widths[i][0]}},
                        name)[0];
  return y;
}

Var avg_pool2d(Var x, const AvgPool2dOptions& options, const std::string& name) {
  check_rank("avg_pool2d", x, 4, name);
  const auto stride = pool_stride(options.stride, options.kernel);
  Var y = x;
  for (std::size_t i = 0; i < 2; ++i) {
    const PoolAxis axis = {options.kernel[i], stride[i], options.padding[i], 1, options.ceil_mode};
    std::int64_t size = 0;
    try {
      size = pool_output_size(x.shape()[i + 1], axis, i == 0 ? "rows" : "columns");
    } catch (const Error& error) {
      fail("avg_pool2d", name, "{}", error.what());
    }
    y = y.graph().add("resample", {y},
                      {{"axis", static_cast<std::int64_t>(i) + 1},
                       {"size", size},
                       {"mode", std::string("average")},
                       {"kernel", axis.kernel},
                       {"stride", axis.stride},
                       {"padding", axis.padding},
                       {"count_include_pad", std::int64_t{options.count_include_pad}}},
                      name)[0];
  }
  return y;
}

Var adaptive_avg_pool2d(Var x, const std::array<std::int64_t, 2>& size, const std::string& name) {
  check_rank("adaptive_avg_pool2d", x, 4, name);
  const auto along = [&](Var y, std::int64_t axis, std::int64_t count) {
    return y.graph().add("resample", {y},
                         {{"axis", axis}, {"size", count}, {"mode", std::string("adaptive")}},
                         name)[0];
  };
  const Shape shape = x.shape();
  if (size == std::array<std::int64_t, 2>{1, 1}) {  // in one pass
    const Var pixels = reshape(x, {shape[0], shape[1] * shape[2], 1, shape[3]});
    return along(pixels, 1, 1);
  }
  return along(along(x, 1, size[0]), 2, size[1]);
}

Var global_avg_pool2d(Var x, const std::string& name) {
  return adaptive_avg_pool2d(x, {1, 1}, name);
}

std::vector<Op> ops::resample_ops() {
  const std::string attributes =
      "axis, size, mode: nearest or linear (align_corners, factor: 0 for n/size), reflect, "
      "replicate or circular (before), average (kernel, stride, padding, count_include_pad), "
      "adaptive, table (index, weight)";
  return {{.name = "resample",
           .infer = infer,
           .gradient = gradient,
           .doc = {"along one axis, each element of y is a weighted sum of a few of x: resizing, "
                   "padding with elements of the tensor, means of windows",
                   "x f32 [...,n,...] -> y f32 [...,size,...]", attributes}},
          {.name = "resample_dx",
           .infer = infer_dx,
           .doc = {"the transposed weighted sum", "dy f32 [...,size,...] -> dx f32 [...,n,...]",
                   "those of resample; input_size (n)"}}};
}

}  // namespace tessera

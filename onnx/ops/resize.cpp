// Resize and Upsample: along each dimension an element of the result is a weighted sum of a few.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/base/checked_size.h"
#include "onnx/op_table.h"
#include "tessera/error.h"
#include "tessera/ops.h"

namespace tessera::importer {
namespace {

/// The settings of a node for all dimensions.
struct Settings {
  std::string mode, coordinates, rounding;
  double cubic;  ///< the coefficient a of cubic interpolation
  bool antialias, exclude_outside;
};

/// One dimension.
struct Line {
  std::int64_t in, out;
  double scale;
};

Settings settings_of(const Call& call) {
  const bool simple = call.op() == "Upsample" || call.opset() < 11;
  Settings s{call.text("mode", "nearest"),
             call.text("coordinate_transformation_mode", simple ? "asymmetric" : "half_pixel"),
             call.text("nearest_mode", simple ? "floor" : "round_prefer_floor"),
             call.number("cubic_coeff_a", -0.75),
             call.flag("antialias"),
             call.flag("exclude_outside")};
  if (s.coordinates == "tf_crop_and_resize")
    throw Error("onnx", "coordinate_transformation_mode tf_crop_and_resize is not supported");
  return s;
}

/// Returns the position of element j of the result in x.
double source_of(const Settings& s, const Line& line, std::int64_t j) {
  const auto at = static_cast<double>(j), in = static_cast<double>(line.in);
  const auto out = static_cast<double>(line.out);
  if (s.coordinates == "align_corners") return line.out > 1 ? at * (in - 1) / (out - 1) : 0;
  if (s.coordinates == "asymmetric") return at / line.scale;
  if (s.coordinates == "pytorch_half_pixel" && line.out == 1) return 0;
  if (s.coordinates == "tf_half_pixel_for_nn") return (at + 0.5) / line.scale;
  const double middle =
      s.coordinates == "half_pixel_symmetric" ? in / 2 * (1 - out / (line.scale * in)) : 0;
  return middle + (at + 0.5) / line.scale - 0.5;
}

std::int64_t nearest(const std::string& rounding, double x) {
  const double rounded = rounding == "floor"               ? std::floor(x)
                         : rounding == "ceil"              ? std::ceil(x)
                         : rounding == "round_prefer_ceil" ? std::floor(x + 0.5)
                                                           : std::ceil(x - 0.5);
  return static_cast<std::int64_t>(rounded);
}

/// Returns the weight of an element at distance x.
double weight(const Settings& s, double x) {
  x = std::abs(x);
  if (s.mode == "linear") return std::max(0.0, 1 - x);
  const double a = s.cubic;
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/// For each element of the result, the same number of indices into x, with weights.
struct Table {
  std::vector<std::int64_t> index;
  std::vector<double> weight;
};

double squeeze_of(const Settings& s, const Line& line) {
  return s.antialias ? std::min(1.0, line.scale) : 1;
}

/// Returns how many elements before and after a position it depends on.
std::int64_t reach_of(const Settings& s, const Line& line) {
  return static_cast<std::int64_t>(std::ceil((s.mode == "linear" ? 1 : 2) / squeeze_of(s, line)));
}

void add_weighted(Table& table, const Settings& s, const Line& line, double x) {
  const double squeeze = squeeze_of(s, line);
  const std::int64_t reach = reach_of(s, line);
  const auto middle = static_cast<std::int64_t>(std::floor(x));
  const std::size_t begin = table.weight.size();
  double sum = 0;
  for (std::int64_t i = middle - reach; i <= middle + reach; ++i) {
    const bool outside = s.exclude_outside && (i < 0 || i >= line.in);
    const double w = outside ? 0 : weight(s, (static_cast<double>(i) - x) * squeeze);
    table.index.push_back(std::clamp<std::int64_t>(i, 0, line.in - 1));
    table.weight.push_back(w);
    sum += w;
  }
  for (std::size_t i = begin; i < table.weight.size(); ++i) table.weight[i] /= sum;
}

Var resized(Call& call, Var x, std::int64_t place, const Settings& s, const Line& line) {
  Table table;
  const std::int64_t taps = s.mode == "nearest" ? 1 : 2 * reach_of(s, line) + 1;
  call.budget().make(checked_mul(line.out, taps, "a table of weights"));
  for (std::int64_t j = 0; j < line.out; ++j) {
    const double source = source_of(s, line, j);
    if (s.mode == "nearest") {
      const std::int64_t i = nearest(s.rounding, source);
      table.index.push_back(std::clamp<std::int64_t>(i, 0, line.in - 1));
      table.weight.push_back(1);
    } else {
      add_weighted(table, s, line, source);
    }
  }
  return x.graph().add("resample", {x},
                       {{"axis", place},
                        {"size", line.out},
                        {"mode", std::string("table")},
                        {"index", std::move(table.index)},
                        {"weight", std::move(table.weight)}},
                       call.name())[0];
}

/// Throws Error unless the line can be computed.
Line checked(const Line& line) {
  const bool stays = line.out == line.in && (line.in == 0 || line.scale == 1);
  if (!stays && !(line.in > 0 && line.scale > 0x1p-20 && line.scale < 0x1p20))
    throw Error("onnx", fmt::format("{} elements are scaled by {}, expected a factor of 2^-20 to "
                                    "2^20",
                                    line.in, line.scale));
  return line;
}

std::vector<Line> lines_of(const Call& call, const Shape& x, const Axes& axes) {
  const bool simple = call.op() == "Upsample" || call.opset() < 11;
  const auto sizes = call.has(3) ? integers(call.constant(3)) : Shape{};
  std::vector<double> scales = call.numbers("scales");
  if (const std::size_t input = simple ? 1 : 2; sizes.empty() && call.has(input))
    scales = call.constant(input).numbers;
  if ((sizes.empty() ? scales.size() : sizes.size()) != axes.size())
    throw Error("onnx", fmt::format("there are {} scales and {} sizes, expected {} of one",
                                    scales.size(), sizes.size(), axes.size()));
  std::vector<Line> lines;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t in = x.at(static_cast<std::size_t>(axes[i]));
    const auto size = static_cast<double>(in);
    const Line line = sizes.empty() ? Line{in, whole(std::floor(size * scales[i])), scales[i]}
                                    : Line{in, sizes[i], static_cast<double>(sizes[i]) / size};
    lines.push_back(checked(line));
  }
  const std::string policy = call.text("keep_aspect_ratio_policy", "stretch");
  if (sizes.empty() || policy == "stretch") return lines;
  const auto [least, most] = std::minmax_element(
      lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.scale < b.scale; });
  const double scale = policy == "not_larger" ? least->scale : most->scale;
  for (Line& line : lines)
    line = checked({line.in, whole(std::round(scale * static_cast<double>(line.in))), scale});
  return lines;
}

Results resize_of(Call& call) {
  Tensor x = call.tensor(0);
  const Settings settings = settings_of(call);
  const Axes axes = checked_axes(call.integers("axes", plain_axes(rank_of(x))), rank_of(x));
  const std::vector<Line> lines = lines_of(call, shape_of(x), axes);
  for (std::size_t i = 0; i < axes.size(); ++i)
    if (lines[i].out != lines[i].in || (lines[i].in > 0 && lines[i].scale != 1))
      x.var = resized(call, x.var, place_of(x, axes[i]), settings, lines[i]);
  return {x};
}

}  // namespace

std::vector<Operator> resize_operators() {
  return {{"Resize", {1, 4}, resize_of}, {"Upsample", {1, 2}, resize_of}};
}

}  // namespace tessera::importer

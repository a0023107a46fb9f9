// Weighted sums along one axis: means of windows, resizing, padding with elements of the tensor.
#include "engine/ops/resample.h"

#include <algorithm>
#include <cmath>

#include "onnx/export/op_table.h"

namespace tessera::exporter {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

bool has_mode(const Node& node, const char* mode) { return node.attributes.text("mode") == mode; }

/// Along one dimension.
struct Line {
  std::int64_t axis, in, out;
};

Line line_of(const Call& call) {
  const std::int64_t axis = call.integer("axis");
  return {axis, call.shape(0)[at(axis)], call.output_shape()[at(axis)]};
}

/// Returns the number of windows without a partial one at the end.
std::int64_t whole_windows(std::int64_t in, const Attributes& attributes) {
  return (in + 2 * attributes.integer("padding") - attributes.integer("kernel")) /
             attributes.integer("stride") +
         1;
}

/// Exports the mean over the windows of rows, columns, or both.
void average(Call& call, ValueId image, const std::vector<const Attributes*>& axes) {
  Integers kernel = {1, 1}, strides = {1, 1}, pads = {0, 0, 0, 0};
  bool rounded_up = false;
  for (const Attributes* attributes : axes) {
    const std::int64_t axis = attributes->integer("axis");
    const std::size_t i = at(axis - 1);
    kernel[i] = attributes->integer("kernel");
    strides[i] = attributes->integer("stride");
    pads[i] = pads[i + 2] = attributes->integer("padding");
    const std::int64_t in = call.writer().shape(image)[at(axis)];
    rounded_up = rounded_up || attributes->integer("size") != whole_windows(in, *attributes);
  }
  call.set_image(call.add("AveragePool",
                          {call.writer().in_order(image, importer::channels_first(4))},
                          {{"kernel_shape", kernel},
                           {"strides", strides},
                           {"pads", pads},
                           {"ceil_mode", std::int64_t{rounded_up}},
                           {"count_include_pad", axes[0]->integer("count_include_pad")}}));
}

/// Joins rows and columns into one pooling.
void average_pool(Call& call) {
  const Node* rows = call.producer(0, "resample");
  const bool both =
      call.integer("axis") == 2 && rows && has_mode(*rows, "average") &&
      rows->attributes.integer("axis") == 1 &&
      rows->attributes.integer("count_include_pad") == call.integer("count_include_pad");
  if (both) return average(call, rows->inputs[0], {&rows->attributes, &call.attributes()});
  average(call, call.input(0), {&call.attributes()});
}

/// Exports the mean over all elements: a global pool if the dimension has the pixels of an image.
void global_mean(Call& call) {
  const Tensor x = call.tensor(0);
  const Node* pixels = call.producer(0, "reshape");
  const Shape image = pixels ? call.writer().shape(pixels->inputs[0]) : Shape{};
  if (image.size() == 4 && call.integer("axis") == 1 &&
      call.shape(0) == Shape{image[0], image[1] * image[2], 1, image[3]}) {
    const std::string channels =
        call.writer().in_order(pixels->inputs[0], importer::channels_first(4));
    return call.set_image(call.add("GlobalAveragePool", {channels}));
  }
  call.set(call.add("ReduceMean", {x.name},
                    {{"axes", Integers{place_of(x.axes, call.integer("axis"))}}}),
           x.axes);
}

/// Returns a scale with floor(in * scale) = out, also in double precision.
float scale_of(const Call& call, const Line& line) {
  if (call.attributes().number("factor") > 0)
    return static_cast<float>(call.attributes().number("factor"));
  const auto in = static_cast<double>(line.in), out = static_cast<double>(line.out);
  const auto scale = static_cast<float>(out / in);
  return static_cast<double>(scale) * in < out ? std::nextafter(scale, scale + 1) : scale;
}

void resize(Call& call) {
  const Tensor x = call.tensor(0);
  const Line line = line_of(call);
  const bool linear = call.attributes().text("mode") == "linear";
  const bool corners = call.integer("align_corners") == 1;
  std::vector<float> scales(x.axes.size(), 1);
  scales[at(place_of(x.axes, line.axis))] = scale_of(call, line);
  const std::string name =
      call.floats("scales", {static_cast<std::int64_t>(scales.size())}, scales);
  const std::string transformation = !linear   ? "asymmetric"
                                     : corners ? "align_corners"
                                               : "half_pixel";
  call.set(call.add("Resize", {x.name, "", name},
                    {{"mode", std::string(linear ? "linear" : "nearest")},
                     {"nearest_mode", std::string("floor")},
                     {"coordinate_transformation_mode", transformation}}),
           x.axes);
}

/// Exports elements of x at known positions.
void chosen(Call& call, const Resampling& r) {
  const Tensor x = call.tensor(0);
  const Integers places(r.index.begin(), r.index.end());
  call.set(call.add("Gather", {x.name, call.integers("places", places)},
                    {{"axis", place_of(x.axes, call.integer("axis"))}}),
           x.axes);
}

/// Exports a product with the weight matrix, with the axis last.
void product(Call& call, const Resampling& r) {
  Axes axes = importer::plain_axes(call.rank(0));
  const std::int64_t axis = call.integer("axis");
  axes.erase(axes.begin() + axis);
  axes.push_back(axis);
  std::vector<float> matrix(at(r.in * r.out), 0);
  for (std::int64_t j = 0; j < r.out; ++j)
    for (std::int32_t t = r.first[at(j)]; t < r.first[at(j + 1)]; ++t)
      matrix[at(r.index[at(t)] * r.out + j)] += r.weight[at(t)];
  call.set(
      call.add("MatMul", {call.in_order(0, axes), call.floats("weights", {r.in, r.out}, matrix)}),
      axes);
}

void resample(Call& call) {
  const std::string& mode = call.attributes().text("mode");
  const Line line = line_of(call);
  const bool of_image = call.rank(0) == 4 && (line.axis == 1 || line.axis == 2);
  if (mode == "average" && of_image) return average_pool(call);
  if (mode == "adaptive" && line.out == 1) return global_mean(call);
  if (mode == "nearest" || mode == "linear") return resize(call);
  const Resampling r = resampling(false, call.shape(0), call.output_shape(), call.attributes());
  const bool copies = static_cast<std::int64_t>(r.index.size()) == r.out &&
                      std::all_of(r.weight.begin(), r.weight.end(), [](float w) { return w == 1; });
  copies ? chosen(call, r) : product(call, r);
}

}  // namespace

std::vector<Row> resample_rows() { return {{"resample", resample}}; }

}  // namespace tessera::exporter

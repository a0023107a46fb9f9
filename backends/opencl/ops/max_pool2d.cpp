// Maximum over windows and its gradient.
#include "engine/ops/max_pool2d.h"

#include <algorithm>

#include "backends/opencl/lowering/algorithm.h"

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/max_pool2d_params.h"

std::int64_t width_of(const DeviceNode& l, std::int64_t channels) {
  return l.traits().is_cpu && channels <= 8 ? std::min<std::int64_t>(8, l.width()) : l.width();
}

/// `x` [N,H,W,C], `y` [N,P,Q,C]; `read` is the one that vectors must not leave.
void launch_windows(LaunchBuilder& l, const char* kernel, std::int64_t items, const Shape& x,
                    const Shape& y, const TensorSpec& read, const cl::Buffer& first,
                    const cl::Buffer& second, const cl::Buffer& third, std::int64_t segment,
                    std::int64_t span) {
  const auto& size = l.attributes().integers("kernel");
  const auto& stride = l.attributes().integers("stride");
  const auto& padding = l.attributes().integers("padding");
  Defines defines = l.defines(static_cast<std::size_t>(width_of(l, x[3])));
  if (size[0] * size[1] <= 9) defines.set("WINDOW_R", size[0]).set("WINDOW_S", size[1]);
  l.elements(l.output_spec(0));
  l.launch_items("max_pool2d.cl", defines, kernel, items, 1, first, second, third,
                 MaxPool2dParams{.H = l.to_int(x[1]),
                                 .W = l.to_int(x[2]),
                                 .C = l.to_int(x[3]),
                                 .P = l.to_int(y[1]),
                                 .Q = l.to_int(y[2]),
                                 .R = l.to_int(size[0]),
                                 .S = l.to_int(size[1]),
                                 .stride_h = l.to_int(stride[0]),
                                 .stride_w = l.to_int(stride[1]),
                                 .padding_h = l.to_int(padding[0]),
                                 .padding_w = l.to_int(padding[1]),
                                 .elements = l.elements(read),
                                 .segment = l.to_int(segment),
                                 .span = l.to_int(span)});
}

/// An item is a row of the `result` on a CPU, a vector of channels of a pixel on a GPU.
void launch(LaunchBuilder& l, const char* kernel, const Shape& x, const Shape& y,
            const Shape& result, const TensorSpec& read, const cl::Buffer& first,
            const cl::Buffer& second, const cl::Buffer& third) {
  const bool is_cpu = l.traits().is_cpu;
  const std::int64_t segment = is_cpu ? std::max<std::int64_t>(1, result[2]) : 1;
  const std::int64_t span = is_cpu ? std::max<std::int64_t>(1, x[3]) : width_of(l, x[3]);
  const std::int64_t items =
      result[0] * result[1] * ceil_div(result[2], segment) * ceil_div(result[3], span);
  launch_windows(l, kernel, items, x, y, read, first, second, third, segment, span);
}

void lower(LaunchBuilder& l) {
  const Shape& y = l.output_spec(0).shape;
  launch(l, "max_pool2d", l.input_spec(0).shape, y, y, l.input_spec(0), l.input(0), l.output(0),
         l.output(1));
}

void lower_dx(LaunchBuilder& l) {
  const Shape& dx = l.output_spec(0).shape;
  launch(l, "max_pool2d_dx", dx, l.input_spec(0).shape, dx, l.input_spec(0), l.input(0), l.input(1),
         l.output(0));
}

std::string refuse_scatter(const DeviceNode& l) {
  const auto& size = l.attributes().integers("kernel");
  const auto& stride = l.attributes().integers("stride");
  if (!l.traits().is_cpu) return "made for CPUs";
  return stride[0] < size[0] || stride[1] < size[1] ? "windows overlap" : "";
}

void lower_scatter(LaunchBuilder& l) {
  const Shape &dx = l.output_spec(0).shape, &dy = l.input_spec(0).shape;
  launch_windows(l, "max_pool2d_dx_scatter", dy[0] * dy[1], dx, dy, l.input_spec(0), l.input(0),
                 l.input(1), l.output(0), 0, 0);
}

/// Windows given by tables; an item is a vector of channels of a pixel of the result.
void lower_windows(LaunchBuilder& l) {
  const bool is_gradient = l.node().op->name == "max_pool2d_windows_dx";
  const Shape &from = l.input_spec(0).shape, &to = l.output_spec(0).shape;
  const Shape &x = is_gradient ? to : from, &y = is_gradient ? from : to;
  const auto [rows, columns] = max_pool2d_tables({x[1], x[2]}, l.attributes());
  std::vector<std::int32_t> borders;
  for (const PoolTable* table : {&rows, &columns})
    for (const auto* part :
         {is_gradient ? &table->first : &table->begin, is_gradient ? &table->last : &table->end})
      borders.insert(borders.end(), part->begin(), part->end());
  borders.push_back(l.to_int(rows.step));
  borders.push_back(l.to_int(columns.step));
  l.elements(l.input_spec(0));
  l.elements(l.output_spec(0));
  const std::int64_t items = to[0] * to[1] * to[2] * ((to[3] + l.width() - 1) / l.width());
  const cl::Buffer second = is_gradient ? l.input(1) : l.output(1);
  l.launch_items("max_pool2d.cl", l.defines(), std::string(l.node().op->name), items, 1, l.input(0),
                 second, l.output(0), l.table(borders),
                 MaxPool2dWindowsParams{.H = l.to_int(x[1]),
                                        .W = l.to_int(x[2]),
                                        .C = l.to_int(x[3]),
                                        .P = l.to_int(y[1]),
                                        .Q = l.to_int(y[2])});
}

}  // namespace

std::vector<OpAlgorithms> max_pool2d_algorithms() {
  return {{"max_pool2d", {{"windows", nullptr, lower}}},
          {"max_pool2d_dx",
           {{"scatter", refuse_scatter, lower_scatter}, {"gather", nullptr, lower_dx}}},
          {"max_pool2d_windows", {{"tables", nullptr, lower_windows}}},
          {"max_pool2d_windows_dx", {{"tables", nullptr, lower_windows}}}};
}

}  // namespace tessera::opencl

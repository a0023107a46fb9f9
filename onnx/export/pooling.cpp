// Max pools.
#include <algorithm>

#include "onnx/export/op_table.h"
#include "tessera/error.h"

namespace tessera::exporter {
namespace {

/// Returns the padding at the end with which the number of windows, without rounding up, is that of
/// the result.
std::int64_t padding_after(std::int64_t in, std::int64_t out, std::int64_t reach,
                           std::int64_t stride, std::int64_t before) {
  return std::max(before, (out - 1) * stride + reach - in - before);
}

void max_pool(Call& call) {
  const Shape &x = call.shape(0), &y = call.output_shape();
  const Integers &kernel = call.integers("kernel"), &stride = call.integers("stride"),
                 &padding = call.integers("padding");
  const Integers dilation =
      call.attributes().has("dilation") ? call.integers("dilation") : Integers{1, 1};
  Integers pads = padding;
  for (std::size_t i = 0; i < 2; ++i)
    pads.push_back(padding_after(x[i + 1], y[i + 1], dilation[i] * (kernel[i] - 1) + 1, stride[i],
                                 padding[i]));
  call.set_image(call.add(
      "MaxPool", {call.image(0)},
      {{"kernel_shape", kernel}, {"strides", stride}, {"pads", pads}, {"dilations", dilation}}));
}

/// Exports adaptive windows.
void adaptive_max_pool(Call& call) {
  const Shape& x = call.shape(0);
  const Integers& size = call.integers("output_size");
  if (size == Integers{1, 1}) return call.set_image(call.add("GlobalMaxPool", {call.image(0)}));
  if (x[1] % size[0] != 0 || x[2] % size[1] != 0)
    throw Error("its windows differ in size, which ONNX does not support");
  const Integers kernel = {x[1] / size[0], x[2] / size[1]};
  call.set_image(
      call.add("MaxPool", {call.image(0)}, {{"kernel_shape", kernel}, {"strides", kernel}}));
}

void max_pool_windows(Call& call) {
  call.attributes().has("output_size") ? adaptive_max_pool(call) : max_pool(call);
}

}  // namespace

std::vector<Row> pooling_rows() {
  return {{"max_pool2d", max_pool}, {"max_pool2d_windows", max_pool_windows}};
}

}  // namespace tessera::exporter

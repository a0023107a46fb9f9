// Conv and ConvTranspose.
#include "onnx/export/op_table.h"
#include "tessera/error.h"

namespace tessera::exporter {
namespace {

NamedAttributes window_of(const Call& call, std::int64_t rows, std::int64_t columns) {
  const Integers& padding = call.integers("padding");  // top, bottom, left, right
  return {{"kernel_shape", Integers{rows, columns}},
          {"strides", call.integers("stride")},
          {"pads", Integers{padding[0], padding[2], padding[1], padding[3]}},
          {"dilations", call.integers("dilation")},
          {"group", call.integer("groups")}};
}

void convolution(Call& call) {
  const Shape& w = call.shape(1);
  if (call.inputs() > 3 || (call.inputs() == 3 && call.rank(2) != 1))
    throw Error("has a residual, expected a graph before fuse()");
  std::vector<std::string> inputs = {call.image(0), call.image(1)};
  if (call.inputs() == 3) inputs.push_back(call.plain(2));
  call.set_image(call.add("Conv", inputs, window_of(call, w[1], w[2])));
}

void transposed_convolution(Call& call) {
  const Shape &w = call.shape(1), &x = call.shape(0);
  NamedAttributes attributes = window_of(call, w[1], w[2]);
  const Integers &padding = call.integers("padding"), &size = call.integers("input_size");
  Integers more;
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t reach = call.integers("dilation")[i] * (w[i + 1] - 1) + 1;
    const std::int64_t whole = (x[i + 1] - 1) * call.integers("stride")[i] + reach;
    more.push_back(size[i] - (whole - padding[2 * i] - padding[2 * i + 1]));
  }
  attributes.emplace_back("output_padding", more);
  call.set_image(call.add("ConvTranspose", {call.image(0), call.image(1)}, attributes));
}

}  // namespace

std::vector<Row> convolution_rows() {
  return {{"conv2d", convolution}, {"conv2d_dx", transposed_convolution}};
}

}  // namespace tessera::exporter

// Conv and ConvTranspose over one or two dimensions; one is a single row.
#include <fmt/format.h>

#include "onnx/op_table.h"
#include "onnx/ops/windows.h"
#include "tessera/error.h"
#include "tessera/ops.h"

namespace tessera::importer {
namespace {

std::optional<Var> bias(Call& call) {
  if (!call.has(2)) return {};
  return plain_var(call.tensor(2));
}

/// Returns filters with their channels last.
Var filters(Call& call, const Tensor& x) {
  const Tensor w = call.tensor(1);
  const Shape shape = shape_of(w), kernel = call.integers("kernel_shape");
  if (shape.size() != rank_of(x) ||
      (!kernel.empty() && kernel != Shape(shape.begin() + 2, shape.end())))
    throw Error("onnx", fmt::format("weights are {}, expected {} dimensions and kernel_shape {}",
                                    to_string(shape), rank_of(x), to_string(kernel)));
  return image(w);
}

Results conv(Call& call) {
  const Tensor x = call.tensor(0);
  const Var images = image(x), w = filters(call, x);
  const Window window = window_of(call, shape_of(x), {w.shape()[1], w.shape()[2]});
  const Var y = conv2d(images, w, bias(call),
                       {.stride = window.stride,
                        .padding = window.padding(),
                        .dilation = window.dilation,
                        .groups = call.size("group", 1)},
                       call.name());
  return {from_image(y, rank_of(x))};
}

/// Splits the padding of a transposed convolution, or adds output padding.
void cut(Window& window, std::size_t i, std::int64_t total, bool more_in_front,
         std::array<std::int64_t, 2>& output_padding) {
  if (total < 0) {
    output_padding[i] -= total;
    total = 0;
  }
  window.pad(i, total, more_in_front);
}

Results conv_transpose(Call& call) {
  const Tensor x = call.tensor(0);
  const Var images = image(x), w = filters(call, x);
  const Shape shape = shape_of(x);
  const std::array<std::int64_t, 2> kernel = {w.shape()[1], w.shape()[2]};
  Window window = window_of(call, shape, kernel);
  auto output_padding = pair_of(call, "output_padding", rank_of(x), 0, 0);
  const std::string pads = call.text("auto_pad", "NOTSET");
  const bool given = call.has_attribute("output_shape"), same = pads.starts_with("SAME");
  const auto wanted = pair_of(call, "output_shape", rank_of(x), 1);
  const std::size_t first = rank_of(x) == 3 ? 1 : 0;
  for (std::size_t i = first; i < 2 && (given || same); ++i) {
    const std::int64_t size = shape[i + rank_of(x) - 2];
    const std::int64_t full = window.stride[i] * (size - 1) + output_padding[i] +
                              window.dilation[i] * (kernel[i] - 1) + 1;
    const std::int64_t out = given ? wanted[i] : size * window.stride[i];
    cut(window, i, full - out, pads != "SAME_UPPER", output_padding);
  }
  const Var y = conv_transpose2d(images, w, bias(call),
                                 {.stride = window.stride,
                                  .padding = window.padding(),
                                  .output_padding = output_padding,
                                  .dilation = window.dilation,
                                  .groups = call.size("group", 1)},
                                 call.name());
  return {from_image(y, rank_of(x))};
}

}  // namespace

std::vector<Operator> convolution_operators() {
  return {{"Conv", {2, 3}, conv}, {"ConvTranspose", {2, 3}, conv_transpose}};
}

}  // namespace tessera::importer

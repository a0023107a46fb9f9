// Pools: windows of one or two dimensions, and whole images.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "onnx/op_table.h"
#include "onnx/ops/windows.h"
#include "tessera/error.h"
#include "tessera/ops.h"

namespace tessera::importer {
namespace {

Window pool_window_of(const Call& call, const Shape& x) {
  if (call.integers("kernel_shape").empty()) throw Error("onnx", "there is no kernel_shape");
  const Window w = window_of(call, x, pair_of(call, "kernel_shape", x.size(), 1));
  for (std::size_t i = 0; i < 2; ++i)
    if (std::max(w.before[i], w.after[i]) >= w.reach(i))
      throw Error("onnx",
                  fmt::format("pads are {} and {}, expected less than the {} that the kernel "
                              "reaches over",
                              w.before[i], w.after[i], w.reach(i)));
  return w;
}

/// Whether Tessera's pools pad like this themselves.
bool is_even(const Window& w) {
  return w.before == w.after && 2 * w.before[0] <= w.kernel[0] && 2 * w.before[1] <= w.kernel[1];
}

/// Windows along dimension i of an image [N,H,W,C].
std::int64_t windows(const Window& w, const Var& x, std::size_t i, bool round_up) {
  const std::int64_t size = x.shape()[i + 1];
  const std::int64_t room = size + w.before[i] + w.after[i] - w.reach(i);
  if (room < 0)
    throw Error("onnx", fmt::format("kernel reaches over {}, expected at most {}", w.reach(i),
                                    room + w.reach(i)));
  const std::int64_t count = (room + (round_up ? w.stride[i] - 1 : 0)) / w.stride[i] + 1;
  // The last one starts in the image or the padding before it.
  return (count - 1) * w.stride[i] < size + w.before[i] ? count : count - 1;
}

/// The image with `value` around it, so that all windows lie inside.
Var padded(Var x, const Window& w, bool round_up, double value) {
  PadWidths widths = {{0, 0}, {0, 0}, {0, 0}, {0, 0}};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t reach = (windows(w, x, i, round_up) - 1) * w.stride[i] + w.reach(i);
    widths[i + 1] = {w.before[i], reach - w.before[i] - x.shape()[i + 1]};
  }
  return pad(x, widths, value);
}

Results max_pool(Call& call) {
  const Tensor x = call.tensor(0);
  const Window w = pool_window_of(call, shape_of(x));
  const bool round_up = call.flag("ceil_mode");
  Pool2dOptions options = {.kernel = w.kernel, .stride = w.stride, .dilation = w.dilation};
  Var y = image(x);
  if (is_even(w)) {
    options.padding = w.before;
    options.ceil_mode = round_up;
  } else {
    y = padded(y, w, round_up, static_cast<double>(std::numeric_limits<float>::lowest()));
  }
  return {from_image(max_pool2d(y, options, call.name()), rank_of(x))};
}

/// How many elements of a window are less than `room` behind its first.
std::int64_t taps_below(const Window& w, std::size_t i, std::int64_t room) {
  return std::clamp<std::int64_t>((room + w.dilation[i] - 1) / w.dilation[i], 0, w.kernel[i]);
}

/// By how many elements a mean over windows has to divide: those of the image, or of its padding
/// too. [1,P,Q,1].
Constant shares(Budget& budget, const Window& w, const Var& x, bool round_up, bool with_padding) {
  std::array<std::vector<double>, 2> counts;
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t size = x.shape()[i + 1];
    const std::int64_t begin = with_padding ? -w.before[i] : 0;
    const std::int64_t end = with_padding ? size + w.after[i] : size;
    const std::int64_t count = windows(w, x, i, round_up);
    budget.make(count);
    for (std::int64_t p = 0; p < count; ++p) {
      const std::int64_t first = p * w.stride[i] - w.before[i];
      counts[i].push_back(
          static_cast<double>(taps_below(w, i, end - first) - taps_below(w, i, begin - first)));
    }
  }
  Constant result{Constant::Kind::number,
                  {1, static_cast<std::int64_t>(counts[0].size()),
                   static_cast<std::int64_t>(counts[1].size()), 1},
                  {}};
  budget.make(element_count(result.shape));
  const auto all = static_cast<double>(w.kernel[0] * w.kernel[1]);
  for (double rows : counts[0])
    for (double columns : counts[1]) result.numbers.push_back(all / (rows * columns));
  return result;
}

/// A convolution of each channel with equal weights.
Var dilated_mean(Budget& budget, Var x, const Window& w) {
  const std::int64_t C = x.spec().dim(-1);
  const Shape shape = {C, w.kernel[0], w.kernel[1], 1};
  budget.make(element_count(shape));
  const Var share = x.graph().constant(shape, 1 / static_cast<double>(w.kernel[0] * w.kernel[1]));
  return conv2d(x, share, {}, {.stride = w.stride, .dilation = w.dilation, .groups = C});
}

Results average_pool(Call& call) {
  const Tensor x = call.tensor(0);
  const Window w = pool_window_of(call, shape_of(x));
  const bool round_up = call.flag("ceil_mode");
  const bool with_padding = call.flag("count_include_pad");
  AvgPool2dOptions options = {.kernel = w.kernel, .stride = w.stride};
  Var y = image(x);
  const bool dilated = w.dilation != std::array<std::int64_t, 2>{1, 1};
  if (is_even(w) && !dilated) {
    options.padding = w.before;
    options.ceil_mode = round_up;
    options.count_include_pad = with_padding;
    return {from_image(avg_pool2d(y, options, call.name()), rank_of(x))};
  }
  const Constant factors = shares(call.budget(), w, y, round_up, with_padding);
  y = padded(y, w, round_up, 0);
  y = dilated ? dilated_mean(call.budget(), y, w) : avg_pool2d(y, options, call.name());
  return {from_image(mul(y, call.held(".shares", factors).var), rank_of(x))};
}

/// The places in memory of all dimensions but batch and channels.
std::vector<std::int64_t> pixels(const Tensor& x) {
  std::vector<std::int64_t> axes;
  for (std::size_t i = 2; i < rank_of(x); ++i) axes.push_back(static_cast<std::int64_t>(i));
  return places_of(x, axes);
}

template <Var (*reduce)(Var, std::vector<std::int64_t>, const ReduceOptions&, std::string)>
Results global_pool(Call& call) {
  const Tensor x = call.tensor(0);
  return {Tensor{reduce(x.var, pixels(x), {.keepdim = true}, call.name()), x.axes}};
}

}  // namespace

std::vector<Operator> pooling_operators() {
  return {{"MaxPool", one, max_pool},
          {"AveragePool", one, average_pool},
          {"GlobalAveragePool", one, global_pool<mean>},
          {"GlobalMaxPool", one, global_pool<amax>}};
}

}  // namespace tessera::importer

#include "onnx/ops/windows.h"

#include <fmt/format.h>

#include <algorithm>

#include "tessera/error.h"

namespace tessera::importer {
namespace {

void check_rank(std::size_t rank) {
  if (rank != 3 && rank != 4)
    throw Error("onnx",
                fmt::format("input has {} dimensions, expected [N,C,L] or [N,C,H,W]", rank));
}

/// Pads the image so that there are ceil(size / stride) windows.
void pad_same(Window& window, std::size_t i, std::int64_t size, bool more_in_front) {
  const std::int64_t count = (size + window.stride[i] - 1) / window.stride[i];
  const std::int64_t total =
      std::max<std::int64_t>(0, (count - 1) * window.stride[i] + window.reach(i) - size);
  window.pad(i, total, more_in_front);
}

}  // namespace

std::array<std::int64_t, 2> pair_of(const Call& call, const std::string& attribute,
                                    std::size_t rank, std::int64_t otherwise, std::int64_t least) {
  check_rank(rank);
  const std::vector<std::int64_t> numbers = call.integers(attribute);
  if (numbers.empty()) return {otherwise, otherwise};
  for (std::int64_t number : numbers) checked_size(attribute, number, least);
  if (numbers.size() != rank - 2)
    throw Error("onnx",
                fmt::format("{} has {} numbers, expected {}", attribute, numbers.size(), rank - 2));
  return rank == 3 ? std::array{otherwise, numbers[0]} : std::array{numbers[0], numbers[1]};
}

Window window_of(const Call& call, const Shape& x, const std::array<std::int64_t, 2>& kernel) {
  check_rank(x.size());
  Window window{kernel,
                pair_of(call, "strides", x.size(), 1),
                pair_of(call, "dilations", x.size(), 1),
                {0, 0},
                {0, 0}};
  for (std::int64_t size : kernel) checked_size("kernel", size, 1);
  const std::string automatic = call.text("auto_pad", "NOTSET");
  const std::size_t first = x.size() == 3 ? 1 : 0;
  if (automatic.starts_with("SAME")) {
    for (std::size_t i = first; i < 2; ++i)
      pad_same(window, i, x[i + x.size() - 2], automatic == "SAME_LOWER");
  } else if (automatic == "NOTSET" && call.has_attribute("pads")) {
    const std::vector<std::int64_t> pads = call.integers("pads");
    const std::size_t count = x.size() - 2;
    if (pads.size() != 2 * count)
      throw Error("onnx", fmt::format("pads has {} numbers, expected {}", pads.size(), 2 * count));
    for (std::int64_t pad : pads) checked_size("pads", pad, 0);
    for (std::size_t i = 0; i < count; ++i) {
      window.before[i + first] = pads[i];
      window.after[i + first] = pads[i + count];
    }
  }
  return window;
}

Var image(const Tensor& x) {
  check_rank(rank_of(x));
  const Var last = ordered(x, channels_last(rank_of(x)));
  const Shape& s = last.shape();
  return s.size() == 3 ? reshape(last, {s[0], 1, s[1], s[2]}) : last;
}

Tensor from_image(Var y, std::size_t rank) {
  const Shape& s = y.shape();
  return {rank == 3 ? reshape(y, {s[0], s[2], s[3]}) : y, channels_last(rank)};
}

}  // namespace tessera::importer

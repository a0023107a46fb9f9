// The windows of a pooling; see pool_windows.h.
#include "engine/ops/pool_windows.h"

#include <algorithm>

#include "engine/ops/op_table.h"

namespace tessera {

using ops::check;

std::int64_t pool_output_size(std::int64_t input, const PoolAxis& axis, const char* what) {
  const auto is_size = [](std::int64_t size) { return size >= 1 && size <= ops::most_size; };
  check(is_size(input), "input has {} {}, expected 1 to {}", input, what, ops::most_size);
  check(is_size(axis.kernel), "kernel is {}, expected 1 to {}", axis.kernel, ops::most_size);
  check(is_size(axis.stride), "stride is {}, expected 1 to {}", axis.stride, ops::most_size);
  check(is_size(axis.dilation), "dilation is {}, expected 1 to {}", axis.dilation, ops::most_size);
  check(axis.padding >= 0 && axis.padding <= axis.kernel / 2,
        "padding is {}, expected at most half of kernel {}", axis.padding, axis.kernel);
  // Products and sums of 31-bit numbers fit in 63 bits.
  const std::int64_t reach = axis.dilation * (axis.kernel - 1) + 1;
  const std::int64_t room =
      input + 2 * axis.padding - reach + (axis.ceil_mode ? axis.stride - 1 : 0);
  check(room >= 0, "kernel covers {} {}, expected at most {}", reach, what,
        input + 2 * axis.padding + (axis.ceil_mode ? axis.stride - 1 : 0));
  const std::int64_t count = room / axis.stride + 1;
  const bool in_padding = (count - 1) * axis.stride >= input + axis.padding;
  return axis.ceil_mode && in_padding ? count - 1 : count;
}

PoolWindow pool_window(std::int64_t input, const PoolAxis& axis, std::int64_t p) {
  const std::int64_t start = p * axis.stride - axis.padding;
  const std::int64_t stop = start + axis.dilation * (axis.kernel - 1) + 1;
  const std::int64_t outside =
      (std::max<std::int64_t>(0, -start) + axis.dilation - 1) / axis.dilation;
  return {start + outside * axis.dilation, std::min(stop, input),
          std::min(stop, input + axis.padding) - start};
}

PoolWindow adaptive_pool_window(std::int64_t input, std::int64_t output, std::int64_t p) {
  const std::int64_t begin = p * input / output;
  const std::int64_t end = ((p + 1) * input + output - 1) / output;
  return {begin, end, end - begin};
}

}  // namespace tessera

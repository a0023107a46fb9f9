// The windows of a pooling; see pool_windows.h.
#include "engine/ops/pool_windows.h"

#include <algorithm>

#include "engine/ops/op_table.h"

namespace tessera {

using ops::check;

std::int64_t pool_output_size(std::int64_t input, const PoolAxis& axis, const char* what) {
  check(input >= 1, "input has {} {}, expected at least 1", input, what);
  check(axis.kernel >= 1, "kernel is {}, expected at least 1", axis.kernel);
  check(axis.stride >= 1, "stride is {}, expected at least 1", axis.stride);
  check(axis.dilation >= 1, "dilation is {}, expected at least 1", axis.dilation);
  check(axis.padding >= 0 && 2 * axis.padding <= axis.kernel,
        "padding is {}, expected at most half of kernel {}", axis.padding, axis.kernel);
  const std::int64_t reach = axis.dilation * (axis.kernel - 1) + 1;
  const std::int64_t room =
      input + 2 * axis.padding - reach + (axis.ceil_mode ? axis.stride - 1 : 0);
  check(room >= 0, "kernel reaches over {} {}, expected at most {}", reach, what,
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

// The windows of a pooling along one axis.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace tessera {

/// How windows lie along an axis. The elements of a window stand `dilation` apart.
struct PoolAxis {
  std::int64_t kernel, stride, padding = 0, dilation = 1;
  /// A last window that starts inside of the input or before it may reach over the end.
  bool ceil_mode = false;
};

/// The strides that a user gives: 0 stands for that of the kernel.
inline std::array<std::int64_t, 2> pool_stride(const std::array<std::int64_t, 2>& stride,
                                               const std::array<std::int64_t, 2>& kernel) {
  return {stride[0] == 0 ? kernel[0] : stride[0], stride[1] == 0 ? kernel[1] : stride[1]};
}

/// How many windows there are over `input` elements, as in torch.nn.functional.max_pool2d and
/// avg_pool2d. Throws Error, which calls the elements `what`, when the numbers do not fit.
std::int64_t pool_output_size(std::int64_t input, const PoolAxis& axis, const char* what);

/// The elements begin, begin + dilation, ... below end, which lie inside the input; with the
/// padding that it covers too the window has `padded` elements.
struct PoolWindow {
  std::int64_t begin, end, padded;
};

PoolWindow pool_window(std::int64_t input, const PoolAxis& axis, std::int64_t p);
/// Window p of `output` ones that divide the input: floor(p*input/output) to
/// ceil((p+1)*input/output), as in torch.nn.functional.adaptive_avg_pool2d.
PoolWindow adaptive_pool_window(std::int64_t input, std::int64_t output, std::int64_t p);

}  // namespace tessera

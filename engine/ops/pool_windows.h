// The windows of a pooling along one axis.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace tessera {

/// The windows along an axis. The elements of a window are `dilation` apart.
struct PoolAxis {
  std::int64_t kernel, stride, padding = 0, dilation = 1;
  /// Whether the last window may extend past the end, if it starts inside the input or before it.
  bool ceil_mode = false;
};

/// Returns the strides; 0 means the size of the kernel.
inline std::array<std::int64_t, 2> pool_stride(const std::array<std::int64_t, 2>& stride,
                                               const std::array<std::int64_t, 2>& kernel) {
  return {stride[0] == 0 ? kernel[0] : stride[0], stride[1] == 0 ? kernel[1] : stride[1]};
}

/// Returns the number of windows over `input` elements, as in torch.nn.functional.max_pool2d and
/// avg_pool2d. Throws Error, which calls the elements `what`, if the arguments are invalid.
std::int64_t pool_output_size(std::int64_t input, const PoolAxis& axis, const char* what);

/// The elements begin, begin + dilation, ... below end are inside the input; including padding the
/// window has `padded` elements.
struct PoolWindow {
  std::int64_t begin, end, padded;
};

PoolWindow pool_window(std::int64_t input, const PoolAxis& axis, std::int64_t p);
/// Returns window p of `output` adaptive windows: floor(p*input/output) to
/// ceil((p+1)*input/output), as in torch.nn.functional.adaptive_avg_pool2d.
PoolWindow adaptive_pool_window(std::int64_t input, std::int64_t output, std::int64_t p);

}  // namespace tessera

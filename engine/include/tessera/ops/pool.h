// Max and average pooling over rows and columns. x f32 [N,H,W,C] -> y f32 [N,P,Q,C],
// P = floor((H + 2*padding - dilation*(kernel-1) - 1) / stride) + 1; Q likewise. Pairs are rows and
// columns; padding is at most half of the kernel.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tessera/graph.h"

namespace tessera {

/// The arguments of torch.nn.MaxPool2d; pairs are rows and columns.
struct Pool2dOptions {
  std::array<std::int64_t, 2> kernel = {2, 2};
  std::array<std::int64_t, 2> stride = {0, 0};  ///< 0: the kernel
  std::array<std::int64_t, 2> padding = {0, 0};
  std::array<std::int64_t, 2> dilation = {1, 1};
  /// Rounds P up, unless the last window would start in the padding at the end.
  bool ceil_mode = false;
};

/// torch.nn.functional.max_pool2d: the maximum of each window. Padding is minus infinity; a window
/// with a NaN gives NaN. Of equal elements the first in row order gets the gradient.
TESSERA_API Var max_pool2d(Var x, const Pool2dOptions& options = {}, std::string name = {});

/// The arguments of torch.nn.AvgPool2d; pairs are rows and columns.
struct AvgPool2dOptions {
  std::array<std::int64_t, 2> kernel = {2, 2};
  std::array<std::int64_t, 2> stride = {0, 0};  ///< 0: the kernel
  std::array<std::int64_t, 2> padding = {0, 0};
  bool ceil_mode = false;
  bool count_include_pad = true;  ///< count padding as elements that are 0
};

/// torch.nn.functional.avg_pool2d: the mean of each window. Computed axis by axis.
TESSERA_API Var avg_pool2d(Var x, const AvgPool2dOptions& options = {},
                           const std::string& name = {});

/// torch.nn.functional.adaptive_max_pool2d and adaptive_avg_pool2d. Window p covers the rows
/// floor(p*H/P) to ceil((p+1)*H/P), and columns likewise.
TESSERA_API Var adaptive_max_pool2d(Var x, const std::array<std::int64_t, 2>& size,
                                    std::string name = {});
/// See adaptive_max_pool2d.
TESSERA_API Var adaptive_avg_pool2d(Var x, const std::array<std::int64_t, 2>& size,
                                    const std::string& name = {});

/// The maximum over all rows and columns: y f32 [N,1,1,C].
TESSERA_API Var global_max_pool2d(Var x, std::string name = {});
/// The mean over all rows and columns: y f32 [N,1,1,C].
TESSERA_API Var global_avg_pool2d(Var x, const std::string& name = {});

}  // namespace tessera

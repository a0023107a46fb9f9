// What the lowerings of Winograd's algorithm share: a 3x3 filter that slides over a tensor, and the
// tiles of its results.
#pragma once

#include "backends/opencl/conv2d.h"

namespace tessera::opencl {

/// The numbers of a transformed tile for `results` rows and columns of the result.
inline std::int64_t winograd_positions(std::int64_t results) {
  return (results + 2) * (results + 2);
}

/// A source [N,H,W,ins] and a result [N,P,Q,outs], whose pixel (0, 0) reads from (-before_h,
/// -before_w) on.
struct WinogradSlide {
  std::int64_t N, H, W, ins, P, Q, outs, before_h, before_w;

  std::int64_t tiles_of_image(std::int64_t results) const {
    return ceil_div(P, results) * ceil_div(Q, results);
  }
  std::int64_t tiles(std::int64_t results) const { return N * tiles_of_image(results); }
};

/// Of the forward pass and of the gradient of the filters.
inline WinogradSlide winograd_slide(const Conv2dGeometry& g) {
  return {g.N, g.H, g.W, g.C, g.P, g.Q, g.K, g.padding_h, g.padding_w};
}

/// Of the gradient of the input.
inline WinogradSlide winograd_dx_slide(const Conv2dGeometry& g) {
  return {g.N, g.P, g.Q, g.K, g.H, g.W, g.C, g.R - 1 - g.padding_h, g.S - 1 - g.padding_w};
}

/// Why the algorithm is not for a convolution; empty: it is.
inline std::string refuse_winograd(const Conv2dGeometry& g) {
  if (g.R != 3 || g.S != 3) return "the filter is not 3x3";
  if (g.stride_h * g.stride_w * g.dilation_h * g.dilation_w != 1) return "it strides or dilates";
  return g.groups != 1 ? "it has groups" : "";
}

}  // namespace tessera::opencl

// The geometry of a convolution, which the backends read from a node.
#pragma once

#include <cstdint>

#include "tessera/attributes.h"
#include "tessera/spec.h"

namespace tessera {

/// N H W C: input; K R S: filters; P Q: output rows and columns; the rest as [rows, columns].
struct Conv2dGeometry {
  std::int64_t N, H, W, C, K, R, S, P, Q;
  std::int64_t stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w, groups;

  /// Multiply-adds count as two; taps in the padding are counted.
  double flops() const {
    return 2.0 * static_cast<double>(N * P * Q * K) * static_cast<double>(R * S * (C / groups));
  }
};

/// `x` [N,H,W,C], `w` [K,R,S,C/groups], `y` [N,P,Q,K], whichever of the three is the result.
Conv2dGeometry conv2d_geometry(const Shape& x, const Shape& w, const Shape& y,
                               const Attributes& attributes);

}  // namespace tessera

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

  /// A multiply-add counts as two; taps in the padding count.
  double flops() const {
    return 2.0 * static_cast<double>(N * P * Q * K) * static_cast<double>(R * S * (C / groups));
  }
};

/// `x` [N,H,W,C], `w` [K,R,S,C/groups], `y` [N,P,Q,K]; any of the three may be the result.
Conv2dGeometry conv2d_geometry(const Shape& x, const Shape& w, const Shape& y,
                               const Attributes& attributes);

/// Filters that slide with stride 1 over a source [N,H,W,ins]. Pixel (0, 0) of the result
/// [N,P,Q,outs] reads from (-before_h, -before_w) on.
struct Conv2dSlide {
  std::int64_t N, H, W, ins, P, Q, outs, before_h, before_w;
};

/// Returns the slide of the forward pass and of the gradient of the filters.
inline Conv2dSlide forward_slide(const Conv2dGeometry& g) {
  return {g.N, g.H, g.W, g.C, g.P, g.Q, g.K, g.padding_h, g.padding_w};
}
/// Returns the slide of the gradient of the input: over dy, with flipped filters.
inline Conv2dSlide gradient_slide(const Conv2dGeometry& g) {
  return {g.N, g.P, g.Q, g.K, g.H, g.W, g.C, g.R - 1 - g.padding_h, g.S - 1 - g.padding_w};
}

/// The index of weight (out, in, r, s) of a slide in w: base + out*out + in*in + r*r + s*s.
struct SlideWeights {
  std::int64_t base, out, in, r, s;
};
inline SlideWeights forward_weights(const Conv2dGeometry& g) {
  return {0, g.R * g.S * g.C, 1, g.S * g.C, g.C};
}
inline SlideWeights gradient_weights(const Conv2dGeometry& g) {
  return {(g.R * g.S - 1) * g.C, 1, g.R * g.S * g.C, -g.S * g.C, -g.C};
}

}  // namespace tessera

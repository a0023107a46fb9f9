// Shared by convolutions and pools: the attributes of windows, and images of one or two dimensions.
#pragma once

#include <array>

#include "onnx/call.h"
#include "tessera/ops.h"

namespace tessera::importer {

/// Pairs are rows and columns.
struct Window {
  std::array<std::int64_t, 2> kernel, stride, dilation, before, after;
  Padding2d padding() const { return {before[0], after[0], before[1], after[1]}; }
  /// Returns the extent of the window.
  std::int64_t reach(std::size_t i) const { return dilation[i] * (kernel[i] - 1) + 1; }
  /// Pads the image by this much, half on each side.
  void pad(std::size_t i, std::int64_t total, bool more_in_front) {
    before[i] = more_in_front ? total - total / 2 : total / 2;
    after[i] = total - before[i];
  }
};

/// The attributes strides, dilations, pads and auto_pad of a node whose input has this shape in
/// ONNX, [N,C,L] or [N,C,H,W]. Throws Error for others.
Window window_of(const Call& call, const Shape& x, const std::array<std::int64_t, 2>& kernel);
/// Returns an attribute with one number per image dimension, each from `least` to most_setting; the
/// row of a 1-D image gets `otherwise`.
std::array<std::int64_t, 2> pair_of(const Call& call, const std::string& attribute,
                                    std::size_t rank, std::int64_t otherwise,
                                    std::int64_t least = 1);

/// In memory [N,H,W,C].
Var image(const Tensor& x);
/// An image as a tensor of rank 3 or 4.
Tensor from_image(Var y, std::size_t rank);

}  // namespace tessera::importer

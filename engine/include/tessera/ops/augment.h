// Random augmentation of training images: the ops, which take the random numbers as tensors.
// tessera/augment.h draws the numbers. Names and formulas are torchvision's.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tessera/graph.h"
#include "tessera/ops/image.h"

namespace tessera {

/// Options of transform_image.
struct TransformOptions {
  ImageOptions image = {};  ///< conversion of bytes; its padding surrounds the result
  /// Values outside of x. false: zeros, which bilinear interpolation blends in; true: the
  /// replicated border.
  bool replicate = false;
};

/// Crops, flips, resizes and rotates at once: y[n,p,q] is the value of x at row t[3]*q + t[4]*p +
/// t[5] and column t[0]*q + t[1]*p + t[2], with t = transforms[n]. Interpolates bilinearly between
/// four pixels; integer coordinates give the pixels themselves. Then converts as image_to_float
/// does. x u8 [N,H,W,C], transforms f32 [N,6] -> y f32 [N,P,Q,C], which is `size` plus the padding.
/// torchvision.transforms.functional: crop, hflip, resized_crop (replicate, antialias=False),
/// rotate and affine with InterpolationMode.BILINEAR.
TESSERA_API Var transform_image(Var x, Var transforms, const std::array<std::int64_t, 2>& size,
                                const TransformOptions& options = {}, std::string name = {});

/// Returns 0 in rows [top,bottom) and columns [left,right) of each box {top, left, bottom, right},
/// else 1. boxes f32 [N,4] -> y f32 [N,H,W,1], where `size` is {H,W}.
TESSERA_API Var box_mask(Var boxes, const std::array<std::int64_t, 2>& size, std::string name = {});
/// Returns x * box_mask(boxes): torchvision.transforms.functional.erase with v=0. In normalized
/// images 0 is the mean.
TESSERA_API Var erase(Var x, Var boxes, const std::string& name = {});

}  // namespace tessera

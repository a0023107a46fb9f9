// Images changed at random while training: the ops, which take the random numbers as tensors.
// tessera/augment.h draws those. Names and formulas are torchvision's.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tessera/graph.h"
#include "tessera/ops/image.h"

namespace tessera {

/// Of transform_image.
struct TransformOptions {
  ImageOptions image = {};  ///< how bytes become numbers; its padding surrounds the result
  /// What lies outside of x: zeros, which bilinear interpolation blends in, or the border
  /// (replicated).
  bool replicate = false;
};

/// Crop, flip, resize and rotate at once: y[n,p,q] is what x has at row t[3]*q + t[4]*p + t[5] and
/// column t[0]*q + t[1]*p + t[2], t = transforms[n], between four pixels by bilinear interpolation;
/// whole numbers give the pixels themselves. Then as image_to_float.
/// x u8 [N,H,W,C], transforms f32 [N,6] -> y f32 [N,P,Q,C], the `size` and the padding.
/// torchvision.transforms.functional: crop, hflip, resized_crop (replicate, antialias=False),
/// rotate and affine with InterpolationMode.BILINEAR.
TESSERA_API Var transform_image(Var x, Var transforms, const std::array<std::int64_t, 2>& size,
                                const TransformOptions& options = {}, std::string name = {});

/// 0 in rows [top,bottom) and columns [left,right) of each box {top, left, bottom, right}, else 1.
/// boxes f32 [N,4] -> y f32 [N,H,W,1], H and W being the `size`.
TESSERA_API Var box_mask(Var boxes, const std::array<std::int64_t, 2>& size, std::string name = {});
/// x * box_mask(boxes): torchvision.transforms.functional.erase with v=0. Of normalised images 0
/// is the mean.
TESSERA_API Var erase(Var x, Var boxes, const std::string& name = {});

}  // namespace tessera

// Float images: colors, crops, and mixing of images. Compositions of other ops. Formulas are those
// of torchvision.transforms.functional for float tensors; colors are in [0,1].
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tessera/graph.h"

namespace tessera {

/// adjust_brightness: clamp(factor * x, 0, 1). x f32 [N,H,W,C], factor f32 [N,1,1,1], also below.
TESSERA_API Var adjust_brightness(Var x, Var factor, const std::string& name = {});
/// adjust_contrast: clamp(factor * x + (1 - factor) * m, 0, 1), where m is the mean gray value of
/// each image, with gray = 0.2989 R + 0.587 G + 0.114 B, or the only channel.
TESSERA_API Var adjust_contrast(Var x, Var factor, const std::string& name = {});
/// adjust_saturation: clamp(factor * x + (1 - factor) * gray, 0, 1); x itself with one channel.
TESSERA_API Var adjust_saturation(Var x, Var factor, const std::string& name = {});

/// normalize: (x - mean[c]) / deviation[c], with one number per channel or one for all; empty: 0
/// and 1.
TESSERA_API Var normalize_image(Var x, const std::vector<double>& mean,
                                const std::vector<double>& deviation, const std::string& name = {});

/// center_crop: cuts out the center of an image, or pads it with zeros if it is smaller. Used after
/// resize() for evaluation. x f32, i32 or u8 [N,H,W,C] -> [N,P,Q,C].
TESSERA_API Var center_crop(Var x, const std::array<std::int64_t, 2>& size,
                            const std::string& name = {});

/// share * x[n] + (1 - share) * x[n-1]; the first image is mixed with the last.
/// torchvision.transforms.v2.MixUp (Zhang et al.: "mixup: beyond empirical risk minimization",
/// 2018). For images, and for their targets f32 [N,K]. share f32 [1].
TESSERA_API Var mixup(Var x, Var share, const std::string& name = {});
/// x[n], with x[n-1] in a box {top, left, bottom, right}. torchvision.transforms.v2.CutMix (Yun et
/// al.: "CutMix: regularization strategy to train strong classifiers", 2019). x f32 [N,H,W,C], box
/// f32 [1,4].
TESSERA_API Var cutmix(Var x, Var box, const std::string& name = {});

}  // namespace tessera

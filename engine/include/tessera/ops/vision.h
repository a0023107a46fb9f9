// Images as numbers: colours, crops, and pairs of images mixed. Compositions of other ops; formulas
// are those of torchvision.transforms.functional for float tensors, colours lie in [0,1].
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tessera/graph.h"

namespace tessera {

/// clamp(factor * x, 0, 1). x f32 [N,H,W,C], factor f32 [N,1,1,1] (so below). adjust_brightness.
TESSERA_API Var adjust_brightness(Var x, Var factor, const std::string& name = {});
/// clamp(factor * x + (1 - factor) * m, 0, 1), m being the mean grey of each image, with
/// grey = 0.2989 R + 0.587 G + 0.114 B, or the only channel. adjust_contrast.
TESSERA_API Var adjust_contrast(Var x, Var factor, const std::string& name = {});
/// clamp(factor * x + (1 - factor) * grey, 0, 1); x itself with one channel. adjust_saturation.
TESSERA_API Var adjust_saturation(Var x, Var factor, const std::string& name = {});

/// (x - mean[c]) / deviation[c], one number for each channel or for all; none: 0 and 1. normalize.
TESSERA_API Var normalize_image(Var x, const std::vector<double>& mean,
                                const std::vector<double>& deviation, const std::string& name = {});

/// The middle of an image, or the image amid zeros where it is smaller. After resize() this is the
/// usual preparation for evaluation. x f32, i32 or u8 [N,H,W,C] -> [N,P,Q,C]. center_crop.
TESSERA_API Var center_crop(Var x, const std::array<std::int64_t, 2>& size,
                            const std::string& name = {});

/// share * x[n] + (1 - share) * x[n-1], the first with the last: torchvision.transforms.v2.MixUp
/// (Zhang et al.: "mixup: beyond empirical risk minimization", 2018). Images, and their targets
/// f32 [N,K]. share f32 [1].
TESSERA_API Var mixup(Var x, Var share, const std::string& name = {});
/// x[n], but x[n-1] in a box {top, left, bottom, right}: torchvision.transforms.v2.CutMix (Yun et
/// al.: "CutMix: regularization strategy to train strong classifiers", 2019). x f32 [N,H,W,C], box
/// f32 [1,4].
TESSERA_API Var cutmix(Var x, Var box, const std::string& name = {});

}  // namespace tessera

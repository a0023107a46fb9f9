// Images changed at random while training: what is wanted, and the random numbers for it. The
// numbers depend on the seed, the step and the place of the image in its batch only, so every
// device sees the same images, every epoch others, and a run that goes on from a checkpoint those
// that it would have seen. The ops that change the images: tessera/ops/augment.h.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tessera/export.h"

namespace tessera {

/// 0: none. Evaluation uses none of them.
struct Augmentation {
  /// RandomCrop: the image moves by up to this many whole pixels each way; zeros come in.
  double crop = 0;
  /// RandomHorizontalFlip: its probability.
  double flip = 0;
  /// RandomResizedCrop without antialiasing: the least part of the area that is cut out and
  /// resized to the whole, at most 1, with sides 3:4 to 4:3 of the image's. Not with `crop`.
  double resized_crop = 0;
  /// RandomRotation with bilinear interpolation: up to this many degrees each way.
  double rotate = 0;
  /// Cutout (DeVries, Taylor: "Improved regularization of convolutional neural networks with
  /// cutout", 2017), the RandomErasing of squares: the side of a square of zeros, after
  /// normalisation, around any pixel.
  double cutout = 0;
  /// ColorJitter, in this order: factors between 1 - number (but at least 0) and 1 + number.
  double brightness = 0;
  double contrast = 0;
  double saturation = 0;
  /// MixUp and CutMix: the alpha of Beta(alpha, alpha), from which the share of a batch's own
  /// images comes; the labels get the same shares. With both, each batch gets one of them.
  double mixup = 0;
  double cutmix = 0;

  /// Whether all numbers are equal.
  bool operator==(const Augmentation&) const = default;
  /// Whether images move: what transform_image does.
  bool transforms() const { return crop > 0 || flip > 0 || resized_crop > 0 || rotate > 0; }
  /// Whether colours change.
  bool colors() const { return brightness > 0 || contrast > 0 || saturation > 0; }
  /// Whether images of a batch are mixed.
  bool mixes() const { return mixup > 0 || cutmix > 0; }
};

/// "crop=4,flip=0.5,cutout=8"; empty is none. A flip without a number is one with probability 0.5.
/// Throws Error that names what is unknown or out of range.
TESSERA_API Augmentation augmentation_of(const std::string& text);
/// The text that gives this back.
TESSERA_API std::string to_string(const Augmentation& augmentation);
/// Throws Error unless every number is in its range.
TESSERA_API void check(const Augmentation& augmentation);

/// Which images of a model, and of what size.
struct AugmentedBatch {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::uint64_t seed = 0;
  std::int64_t step = 0;
  std::int64_t first = 0;  ///< the place of the first image in the batch
  std::int64_t images = 0;
  std::int64_t padding = 0;  ///< around them
};

/// What transform_image takes, six numbers for each image.
TESSERA_API std::vector<float> draw_transforms(const Augmentation& augmentation,
                                               const AugmentedBatch& batch);
/// What erase takes, four numbers for each image.
TESSERA_API std::vector<float> draw_cutouts(const Augmentation& augmentation,
                                            const AugmentedBatch& batch);

/// How a batch is mixed with itself. Drawn once for all parts of a batch.
struct Mixture {
  float share = 1;                          ///< of mixup()
  std::array<float, 4> box = {0, 0, 0, 0};  ///< of cutmix()
  float target = 1;                         ///< share of the own labels
};
/// The share or the box for a batch.
TESSERA_API Mixture draw_mixture(const Augmentation& augmentation, const AugmentedBatch& batch);

/// All that a batch takes, by input of append_classifier.
TESSERA_API std::map<std::string, std::vector<float>> draw_augmentation(
    const Augmentation& augmentation, const AugmentedBatch& batch);

}  // namespace tessera

// Random augmentation of training images: the options, and the random numbers. The numbers depend
// only on the seed, the step and the position of the image in its batch. So every device sees the
// same images, every epoch has new ones, and a resumed run sees the images that an uninterrupted
// run would see. The ops that change the images are in tessera/ops/augment.h.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tessera/export.h"

namespace tessera {

/// Options of the augmentation; 0 disables each one. Evaluation uses none of them.
struct Augmentation {
  /// RandomCrop: shifts the image by up to this many whole pixels in each direction and fills with
  /// zeros.
  double crop = 0;
  /// RandomHorizontalFlip: the probability.
  double flip = 0;
  /// RandomResizedCrop without antialiasing: the minimum fraction of the area, at most 1. The
  /// cut-out is resized to the full image; the aspect ratio of its sides is 3:4 to 4:3 of the
  /// image's. Cannot be combined with `crop`.
  double resized_crop = 0;
  /// RandomRotation with bilinear interpolation: the maximum angle in degrees, in each direction.
  double rotate = 0;
  /// Cutout (DeVries, Taylor: "Improved regularization of convolutional neural networks with
  /// cutout", 2017), which is RandomErasing with squares: the side of a square around a random
  /// pixel that is set to zero after normalization.
  double cutout = 0;
  /// ColorJitter, applied in this order: factors between 1 - value (but at least 0) and 1 + value.
  double brightness = 0;
  double contrast = 0;
  double saturation = 0;
  /// MixUp and CutMix: the alpha of Beta(alpha, alpha), which gives the fraction of a batch's own
  /// images; the labels use the same fractions. If both are set, each batch gets one of them.
  double mixup = 0;
  double cutmix = 0;

  /// Returns whether all options are equal.
  bool operator==(const Augmentation&) const = default;
  /// Returns whether transform_image has an effect.
  bool transforms() const { return crop > 0 || flip > 0 || resized_crop > 0 || rotate > 0; }
  /// Returns whether colors change.
  bool colors() const { return brightness > 0 || contrast > 0 || saturation > 0; }
  /// Returns whether images of a batch are mixed.
  bool mixes() const { return mixup > 0 || cutmix > 0; }
};

/// Parses a text such as "crop=4,flip=0.5,cutout=8"; empty means none. A flip without a number has
/// the probability 0.5. Throws Error that names an unknown option or a number out of range.
TESSERA_API Augmentation augmentation_of(const std::string& text);
/// Returns the text that augmentation_of parses to these options.
TESSERA_API std::string to_string(const Augmentation& augmentation);
/// Throws Error if a number is out of range.
TESSERA_API void check(const Augmentation& augmentation);

/// The images of a batch, and their size.
struct AugmentedBatch {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::uint64_t seed = 0;
  std::int64_t step = 0;
  std::int64_t first = 0;  ///< position of the first image in the batch
  std::int64_t images = 0;
  std::int64_t padding = 0;  ///< around the images
};

/// Draws the input of transform_image: six numbers for each image.
TESSERA_API std::vector<float> draw_transforms(const Augmentation& augmentation,
                                               const AugmentedBatch& batch);
/// Draws the input of erase: four numbers for each image.
TESSERA_API std::vector<float> draw_cutouts(const Augmentation& augmentation,
                                            const AugmentedBatch& batch);

/// How a batch is mixed with itself. Drawn once for all micro-batches of a batch.
struct Mixture {
  float share = 1;                          ///< the share of mixup()
  std::array<float, 4> box = {0, 0, 0, 0};  ///< the box of cutmix()
  float target = 1;                         ///< fraction of the own labels
};
/// Draws the share or the box for a batch.
TESSERA_API Mixture draw_mixture(const Augmentation& augmentation, const AugmentedBatch& batch);

/// Draws all random inputs of a batch, by name of the input of append_classifier.
TESSERA_API std::map<std::string, std::vector<float>> draw_augmentation(
    const Augmentation& augmentation, const AugmentedBatch& batch);

}  // namespace tessera

// Fingerprints: short records of the images of a data set, for detecting changes later.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/data.h"

namespace tessera {

/// A summary of the images of a data set that does not depend on their order.
struct TESSERA_API DataFingerprint {
  std::vector<std::int64_t> images;  ///< number in each class
  std::uint64_t sum = 0;             ///< sum of a hash of each image with its label
  /// 32 bits of each of these hashes, sorted. They give the numbers of added and removed images.
  /// Empty if there are more than 8192 images.
  std::vector<std::uint32_t> hashes;
  bool divided = false;               ///< DataContents::divided
  std::vector<std::int64_t> cutoffs;  ///< DataContents::cutoffs

  /// Returns the number of images of all classes.
  std::int64_t size() const;
  /// Returns whether two fingerprints are equal.
  bool operator==(const DataFingerprint&) const = default;
};

/// Returns the fingerprint of ImageDataset::contents(). It has no images if the data set does not
/// provide its contents.
TESSERA_API DataFingerprint fingerprint_of(const ImageDataset& dataset);
/// Describes the changes between two fingerprints of the same source, such as "3 images added, 1
/// removed". Returns an empty string if images and labels are the same. An image with a new label
/// counts as removed and added.
TESSERA_API std::string changes(const DataFingerprint& before, const DataFingerprint& now);

}  // namespace tessera

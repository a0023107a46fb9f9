// Fingerprints: a short record of the images of a data set, by which changes are noticed later.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/data.h"

namespace tessera {

/// A summary of the images of a data set that does not depend on their order.
struct TESSERA_API DataFingerprint {
  std::vector<std::int64_t> images;  ///< of each class
  std::uint64_t sum = 0;             ///< of a hash of each image with its label
  /// 32 bits of each of these hashes, sorted: they tell how many images are new and how many are
  /// gone. Empty where there are more than 8192 images.
  std::vector<std::uint32_t> hashes;
  bool divided = false;               ///< DataContents::divided
  std::vector<std::int64_t> cutoffs;  ///< DataContents::cutoffs

  /// Of all classes.
  std::int64_t size() const;
  /// Whether all of it is equal.
  bool operator==(const DataFingerprint&) const = default;
};

/// Of Dataset::contents(); of no image where the data set does not know them.
TESSERA_API DataFingerprint fingerprint_of(const Dataset& dataset);
/// In words what has changed between two fingerprints of the same source, as "3 images added, 1
/// removed"; nothing when the images and their labels are the same. An image with another label
/// counts as removed and added.
TESSERA_API std::string changes(const DataFingerprint& before, const DataFingerprint& now);

}  // namespace tessera

// Labels that are words, and the sorted class names.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "engine/data/images.h"

namespace tessera::data {

/// Collects the words of labels, one image after the other.
class LabelNames {
 public:
  explicit LabelNames(const std::string& path) : path_(path) {}

  /// Adds the label of the next image. Throws Error if it is empty, not printable UTF-8 or one name
  /// too many; `where` names the image, e.g. "line 7".
  void add(std::string_view name, std::string_view where);
  /// Fills the labels and the sorted names. If all words are integers, uses these as labels,
  /// without names.
  void finish(Images& images) const;

 private:
  const std::string& path_;
  std::map<std::string, std::int32_t, std::less<>> numbers_;  ///< in order of their appearance
  std::vector<std::int32_t> labels_;
};

/// Converts labels from indices of `images.names` to indices of `classes`. Throws Error that names
/// `path` and the unknown names.
void use_classes(const std::string& path, Images& images, const std::vector<std::string>& classes);

}  // namespace tessera::data

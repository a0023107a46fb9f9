// Labels that are words: class names, in sorted order.
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

  /// The label of the next image. Throws Error when it is empty, not printable UTF-8 or one name
  /// too many; `where` says which image, e.g. "line 7".
  void add(std::string_view name, std::string_view where);
  /// Fills the labels, and the names in sorted order; words that are all whole numbers are taken
  /// for those numbers, without names.
  void finish(Images& images) const;

 private:
  const std::string& path_;
  std::map<std::string, std::int32_t, std::less<>> numbers_;  ///< in order of their appearance
  std::vector<std::int32_t> labels_;
};

/// Turns labels that index `images.names` into such that index `classes`. Throws Error that names
/// `path` and the names that are no classes.
void use_classes(const std::string& path, Images& images, const std::vector<std::string>& classes);

}  // namespace tessera::data

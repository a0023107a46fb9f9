// Folders of image files: one per class, and the training and validation parts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tessera::data {

/// Image files and their classes.
struct PictureFiles {
  std::vector<std::string> paths;
  std::vector<std::int32_t> labels;
  std::vector<std::string> notes;  ///< ImageDataset::notes
};

/// Finds the classes and files in a folder with one folder per class. `classes`: the expected
/// classes, in order; none: all folders, by name. Throws Error that names folders of unknown
/// classes, names that are not UTF-8, and classes without an image.
PictureFiles find_classes(const std::string& folder, std::vector<std::string>& classes);

/// The parts of a data set.
struct Parts {
  std::filesystem::path train;
  std::filesystem::path test;      ///< for validation during training, or empty
  std::vector<std::string> notes;  ///< about other entries of the folder
};

/// Finds train or training in a folder, and val, valid, validation, test or testing, ignoring case:
/// folders, or files with a suffix such as ".csv". Returns nothing if either part is missing.
/// Throws Error for a duplicate part.
std::optional<Parts> find_parts(const std::filesystem::path& folder, const std::string& suffix);

}  // namespace tessera::data

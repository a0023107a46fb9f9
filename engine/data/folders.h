// Folders of image files: one for each class, and the parts for training and validation.
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

/// Finds the classes and the files in a folder that has a folder for each class. `classes`: those
/// wanted, in their order; none: all there are, by name. Throws Error that names folders of no
/// known class, of names that are not UTF-8, and those without an image.
PictureFiles find_classes(const std::string& folder, std::vector<std::string>& classes);

/// The parts of a data set.
struct Parts {
  std::filesystem::path train;
  std::filesystem::path test;      ///< for validation during training, if there is such a part
  std::vector<std::string> notes;  ///< names what else is in the folder
};

/// Finds train or training in a folder, and val, valid, validation, test or testing, whatever the
/// case of their letters: folders, or with a suffix such as ".csv" files. Nothing where either is
/// missing. Throws Error when a part is there twice.
std::optional<Parts> find_parts(const std::filesystem::path& folder, const std::string& suffix);

}  // namespace tessera::data

// A data set of picture files.
#pragma once

#include <string>
#include <vector>

#include "engine/data/picture.h"
#include "tessera/data.h"

namespace tessera::data {

/// Picture files and their classes.
struct PictureFiles {
  std::vector<std::string> paths;
  std::vector<std::int32_t> labels;
};

/// Decodes all of them, on all processors, and keeps as many as `options.memory` allows.
std::unique_ptr<Dataset> open_pictures(PictureFiles files, std::vector<std::string> classes,
                                       const DatasetOptions& options);

/// The classes and the files in a folder that has a folder for each class. `classes`: those wanted,
/// in their order; none: all there are, by name.
PictureFiles find_classes(const std::string& folder, std::vector<std::string>& classes);

}  // namespace tessera::data

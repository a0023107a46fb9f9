// A data set of image files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/data/folders.h"
#include "tessera/data.h"

namespace tessera::data {

/// Decodes all files, on all processors, and keeps as many as `options.memory` allows. `contents`:
/// for DataContents of the data set. Throws Error if `needs_all`, and options.skip_bad leaves a
/// class without an image.
std::unique_ptr<ImageDataset> open_pictures(PictureFiles files, std::vector<std::string> classes,
                                            const DatasetOptions& options,
                                            DataContents contents = {}, bool needs_all = false);

}  // namespace tessera::data

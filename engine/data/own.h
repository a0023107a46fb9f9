// Custom data sets: finds and opens their files.
#pragma once

#include <memory>
#include <string_view>

#include "tessera/data.h"

namespace tessera::data {

/// See load_dataset.
std::unique_ptr<ImageDataset> load_own(std::string_view name, Split split,
                                       const DatasetOptions& options);

}  // namespace tessera::data

// Labels in NumPy arrays.
#pragma once

#include <string>

#include "engine/data/images.h"

namespace tessera::data {

/// Reads the labels of a file, and their names if they are text. See read_npy.
Images read_npy_labels(const std::string& path, std::int64_t memory);

}  // namespace tessera::data

// IDX, the format of MNIST: a magic number, the dimensions (big endian), the elements.
#pragma once

#include <string>

#include "engine/data/images.h"

namespace tessera::data {

/// Reads u8 images [N,H,W], as one channel, and u8 labels [N]; both files may be gzipped. Labels
/// are below `classes`. Throws Error that names the file and what is wrong with it, or that the
/// images need more than `memory` (see InputFile::check_memory).
Images read_idx(const std::string& images_path, const std::string& labels_path, std::size_t classes,
                std::int64_t memory = default_memory);

}  // namespace tessera::data

// The binary versions of CIFAR-10 and CIFAR-100: records of label bytes and a planar 32x32 image,
// all red bytes before the green and the blue ones.
#pragma once

#include <string>
#include <vector>

#include "engine/data/images.h"

namespace tessera::data {

/// Reads files of records one after the other, and turns the images channels last. A record has
/// `label_bytes` labels, of which the last is used: CIFAR-100 has a coarse label before the fine
/// one. Labels are below `classes`. Throws Error that names the file and what is wrong with it, or
/// that the images need more than `memory` (see InputFile::check_memory).
Images read_cifar(const std::vector<std::string>& paths, std::size_t label_bytes,
                  std::size_t classes, std::int64_t memory = default_memory);

}  // namespace tessera::data

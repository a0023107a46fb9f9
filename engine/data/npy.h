// NumPy's arrays in files: a header that is a literal of Python, then the elements.
#pragma once

#include <string>

#include "engine/data/images.h"

namespace tessera::data {

/// Images u8 or float32 in [0,1], which become bytes, [N,H,W,C] or [N,H,W] (grey); labels of any
/// integer type [N]; little endian, in C's order. Both files may be gzipped. Throws Error that
/// names the file and what is wrong with it.
Images read_npy(const std::string& images_path, const std::string& labels_path);

}  // namespace tessera::data

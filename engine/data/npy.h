// NumPy's array files: a header that is a Python literal, then the elements.
#pragma once

#include <string>

#include "engine/data/images.h"

namespace tessera::data {

/// Images [N,H,W,C], [N,C,H,W] (recognized by the extents, or by `options`) or [N,H,W] (gray), of
/// integers from 0 to 255, of bool, or of floats from 0 to 1 or 0 to 255, which become bytes.
/// Labels [N] or [N,1] of integers, bool, floats that are whole or text, or [N,K] with a one in
/// each row. Either byte order, C's or Fortran's order of the elements; both files may be gzipped.
/// Throws Error that names the file and what is wrong with it.
Images read_npy(const std::string& images_path, const std::string& labels_path,
                const ReadOptions& options = {});

}  // namespace tessera::data

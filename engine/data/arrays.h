// Custom arrays and tables, npy: and csv:, with their classes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/data/images.h"
#include "tessera/data.h"

namespace tessera::data {

enum class ArrayFormat : std::uint8_t { npy, csv };

/// Images whose labels are indices of `classes`.
struct Arrays {
  Images images;
  std::vector<std::string> classes;
};

/// Reads the images at `path`, a folder of x.npy and y.npy or a CSV file. The classes are those of
/// `options`, else the lines of classes.txt in `folder`, else the words or numbers of the labels at
/// `train` (empty: at `path`). Throws Error that names the file.
Arrays read_arrays(ArrayFormat format, const std::filesystem::path& path,
                   const std::filesystem::path& train, const std::filesystem::path& folder,
                   const DatasetOptions& options);

}  // namespace tessera::data

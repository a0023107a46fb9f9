// CSV files with one image per row: its label and its pixels.
#pragma once

#include <string>

#include "engine/data/images.h"

namespace tessera::data {

/// Rows "label,pixel,pixel,...": pixels are whole numbers 0 to 255, row by row, the channels of a
/// pixel side by side; labels are whole numbers or words. Separators are commas, semicolons, tabs
/// or spaces. A header row is recognized, and may name the label column. The file may be gzipped.
/// If `options.height` is 0 images are square; if `options.channels` is 0 they are gray, or color
/// if only that gives a square. Throws Error that names the file and the line.
Images read_csv(const std::string& path, const ReadOptions& options = {});

}  // namespace tessera::data

// Image options and classes that Tessera stores in ONNX's metadata_props.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tessera/classifier.h"

namespace tessera {

std::map<std::string, std::string> onnx_metadata(const ImageModel& model);
/// Reads them; ignores missing and malformed entries.
ImageOptions image_options(const std::map<std::string, std::string>& metadata);
Crop crop_of(const std::map<std::string, std::string>& metadata);
std::optional<Loss> loss_of(const std::map<std::string, std::string>& metadata);
std::vector<std::string> class_names(const std::map<std::string, std::string>& metadata);

}  // namespace tessera

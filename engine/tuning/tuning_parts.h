// Shared by the tuning files.
#pragma once

#include <nlohmann/json.hpp>

#include "tessera/tuning.h"

namespace tessera {

/// Builds a graph of one node with inputs "0", "1", ... and outputs "y0", "y1", ...
Graph graph_of_one(std::string_view op, const std::vector<TensorSpec>& inputs,
                   const Attributes& attributes);

/// Returns the file name for a device and its driver.
std::string file_name_of(const DeviceInfo& info);

nlohmann::ordered_json to_json(const Attributes& attributes);
/// Throws Error when it is none.
Attributes attributes_of(const nlohmann::json& j);

nlohmann::ordered_json to_json(const Candidate& candidate);
/// Throws Error when it is none.
Candidate candidate_of(const nlohmann::json& j);

/// Those of the folder tuning/.
struct ShippedFile {
  std::string_view name;
  std::string_view text;
};
const std::vector<ShippedFile>& shipped_tuning_files();

}  // namespace tessera

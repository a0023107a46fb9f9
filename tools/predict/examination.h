// What `tessera doctor` does to a device, in a process that may die of it: checks one after the
// other, each a line of JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tessera/device.h"

namespace tessera::tools {

struct Finding {
  std::string check;  ///< "a step of resnet20"
  /// `lacks`: it works without; `wrong`: the device is better not used; `unfinished`: the time was
  /// up before it was known.
  enum class Kind { right, figure, lacks, wrong, unfinished } kind = Kind::right;
  std::string text;
};
nlohmann::ordered_json to_json(const Finding& finding);
/// Nothing for a line that is none.
std::optional<Finding> finding_of(const std::string& line);

/// In a process of its own, which is to take about so many seconds.
std::vector<Finding> examine(const DeviceInfo& info, double seconds);

/// In the process: examines the device and prints the findings, for about so many seconds.
void serve_examination(const std::string& device, double seconds);

}  // namespace tessera::tools

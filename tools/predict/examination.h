// The checks of `tessera doctor`, in a child process that a driver may crash: one line of JSON for
// each check.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tessera/device.h"

namespace tessera::tools {

struct Finding {
  std::string check;  ///< "a step of resnet20"
  /// `lacks`: the device works without this feature; `wrong`: the device is unreliable;
  /// `unfinished`: the time was up before the result.
  enum class Kind { right, figure, lacks, wrong, unfinished } kind = Kind::right;
  std::string text;
};
nlohmann::ordered_json to_json(const Finding& finding);
/// Returns nothing if the line is not a finding.
std::optional<Finding> finding_of(const std::string& line);

/// Examines a device in a child process, for about so many seconds.
std::vector<Finding> examine(const DeviceInfo& info, double seconds);

/// The child process: examines the device and prints the findings, for about so many seconds.
void serve_examination(const std::string& device, double seconds);

}  // namespace tessera::tools

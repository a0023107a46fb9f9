// The output of `tessera profile`: tables or JSON.
#pragma once

#include <string>
#include <vector>

#include "tessera/device.h"

namespace tessera::tools {

struct ProfileReport {
  const DeviceInfo& device;
  const Executable& executable;
  std::string what;         ///< "resnet18, training, batch 8 of 224x224x3"
  std::int64_t images = 0;  ///< of a step
  std::int64_t steps = 0;   ///< in `records`
  std::vector<ProfileRecord> records;
  double step_seconds = 0;      ///< without profiling
  double recorded_seconds = 0;  ///< while profiling
  Ceilings ceilings;
};

void print_text(const ProfileReport& report);
void print_json(const ProfileReport& report);

}  // namespace tessera::tools

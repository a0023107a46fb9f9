// The devices of this machine, for tests that hold on each of them.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "tessera/device.h"
#include "tests/skip.h"

namespace tessera {

/// Every usable device, or the one that the environment variable TESSERA_DEVICE names, or none
/// where that one is not usable: the program then ends as skipped.
inline std::vector<std::unique_ptr<Device>> open_usable_devices() {
  const char* only = std::getenv("TESSERA_DEVICE");
  std::vector<std::unique_ptr<Device>> devices;
  for (const DeviceInfo& info : list_devices()) {
    if (only && info.id != std::string_view(only)) continue;
    if (info.usable)
      devices.push_back(open_device(info.id));
    else if (only)
      skip_program(info.id + ": " + info.reason);
  }
  if (only && devices.empty()) skip_program(std::string(only) + ": no such device");
  // The CPU backend is there always.
  if (!only) REQUIRE_FALSE(devices.empty());
  return devices;
}

}  // namespace tessera

// The devices of this machine, for tests that hold on each of them.
#pragma once

#include <memory>
#include <vector>

#include "tessera/device.h"

namespace tessera {

inline std::vector<std::unique_ptr<Device>> open_usable_devices() {
  std::vector<std::unique_ptr<Device>> devices;
  for (const DeviceInfo& info : list_devices())
    if (info.usable) devices.push_back(open_device(info.id));
  return devices;
}

}  // namespace tessera

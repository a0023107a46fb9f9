// What each backend gives to backends.cpp: its devices.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tessera/device.h"

namespace tessera {

namespace cpu {
DeviceInfo device_info();
/// `count` > 1: part `index` of so many that share its threads.
std::unique_ptr<Device> open_device(int index = 0, int count = 1);
/// With the last algorithm of each op before the others.
std::unique_ptr<Device> open_reference();
}  // namespace cpu

// Built without OpenCL, backends/opencl_none.cpp stands in with an empty list.
namespace opencl {
/// Every platform's devices; those that cannot be used, and platforms that have none, come with
/// the reason.
std::vector<DeviceInfo> list_devices();
/// Those of the list that are left out since they are broken; empty before the first list.
std::vector<DeviceInfo> broken_drivers();
/// `id` is "opencl:P:D" of a usable device; `count` > 1: one of so many sub-devices of equal size.
std::unique_ptr<Device> open_device(const std::string& id, int index = 0, int count = 1);
}  // namespace opencl

}  // namespace tessera

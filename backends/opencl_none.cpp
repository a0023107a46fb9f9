// Stands in for backends/opencl where the project is built without OpenCL.
#include "backends/backends.h"
#include "tessera/error.h"

namespace tessera::opencl {

std::vector<DeviceInfo> list_devices() { return {}; }

std::vector<DeviceInfo> broken_drivers() { return {}; }

std::unique_ptr<Device> open_device(const std::string& id, int, int) {
  throw Error("device", "'" + id + "' cannot be opened: this build has no OpenCL backend");
}

}  // namespace tessera::opencl

// Finds the OpenCL devices of this machine and opens one by its id, "opencl:PLATFORM:DEVICE".
#include "backends/backends.h"
#include "backends/opencl/cl.h"
#include "backends/opencl/device.h"
#include "backends/opencl/traits.h"

namespace tessera::opencl {
namespace {

std::string trimmed(std::string text) {
  const std::size_t begin = text.find_first_not_of(' ');
  const std::size_t end = text.find_last_not_of(' ');
  return begin == text.npos ? std::string() : text.substr(begin, end - begin + 1);
}

std::vector<cl::Platform> platforms() {
  std::vector<cl::Platform> found;
  try {
    cl::Platform::get(&found);
  } catch (const cl::Error&) {  // the loader's way of saying that there is none
  }
  return found;
}

DeviceInfo describe(const cl::Device& device, std::size_t platform, std::size_t number) {
  DeviceInfo info;
  info.id = fmt::format("opencl:{}:{}", platform, number);
  info.name = trimmed(device.getInfo<CL_DEVICE_NAME>());
  info.vendor = trimmed(device.getInfo<CL_DEVICE_VENDOR>());
  info.driver = trimmed(device.getInfo<CL_DRIVER_VERSION>());
  info.platform = cl::Platform(device.getInfo<CL_DEVICE_PLATFORM>()).getInfo<CL_PLATFORM_NAME>();
  info.type = device_type(device);
  info.compute_units = device.getInfo<CL_DEVICE_MAX_COMPUTE_UNITS>();
  info.memory_bytes = device.getInfo<CL_DEVICE_GLOBAL_MEM_SIZE>();
  info.max_allocation_bytes = device.getInfo<CL_DEVICE_MAX_MEM_ALLOC_SIZE>();
  return info;
}

DeviceInfo probed(const cl::Device& device, DeviceInfo info) {
  int major = 0, minor = 0;
  const std::string version = device.getInfo<CL_DEVICE_VERSION>();  // "OpenCL 1.2 ..."
  std::sscanf(version.c_str(), "OpenCL %d.%d", &major, &minor);
  if (10 * major + minor < 12) {
    info.reason = fmt::format("it has '{}', expected at least OpenCL 1.2", version);
    return info;
  }
  OpenclDevice(device, info, query_traits(device)).probe();
  info.usable = true;
  return info;
}

void list_platform(cl::Platform& platform, std::size_t number, std::vector<DeviceInfo>& list) {
  DeviceInfo unusable;
  unusable.id = fmt::format("opencl:{}", number);
  std::vector<cl::Device> devices;
  try {
    unusable.platform = unusable.name = platform.getInfo<CL_PLATFORM_NAME>();
    platform.getDevices(CL_DEVICE_TYPE_ALL, &devices);
    unusable.reason = "the platform has no device";
  } catch (const cl::Error& error) {
    unusable.reason = error.err() == CL_DEVICE_NOT_FOUND
                          ? "the platform has no device"
                          : fmt::format("{} in {}", error_name(error.err()), error.what());
  }
  if (devices.empty()) list.push_back(unusable);
  for (std::size_t i = 0; i < devices.size(); ++i) {
    DeviceInfo info = unusable;
    try {
      info = describe(devices[i], number, i);
      info = probed(devices[i], info);
    } catch (const cl::Error& error) {
      info.reason = fmt::format("{} in {}", error_name(error.err()), error.what());
    } catch (const Error& error) {
      info.reason = error.what();
    }
    list.push_back(info);
  }
}

}  // namespace

std::vector<DeviceInfo> list_devices() {
  std::vector<DeviceInfo> list;
  auto found = platforms();
  for (std::size_t i = 0; i < found.size(); ++i) list_platform(found[i], i, list);
  return list;
}

std::unique_ptr<Device> open_device(const std::string& id) {
  std::size_t platform = 0, number = 0;
  if (std::sscanf(id.c_str(), "opencl:%zu:%zu", &platform, &number) != 2)
    throw Error("device", "'" + id + "' is not an OpenCL device, expected opencl:PLATFORM:DEVICE");
  return checked("opening " + id, [&] {
    const auto found = platforms();
    std::vector<cl::Device> devices;
    if (platform < found.size()) found[platform].getDevices(CL_DEVICE_TYPE_ALL, &devices);
    if (number >= devices.size()) throw Error("device", "there is no device '" + id + "'");
    DeviceInfo info = describe(devices[number], platform, number);
    info.usable = true;
    auto device =
        std::make_unique<OpenclDevice>(devices[number], info, query_traits(devices[number]));
    device->set_tuning(load_tuning(info));
    return device;
  });
}

}  // namespace tessera::opencl

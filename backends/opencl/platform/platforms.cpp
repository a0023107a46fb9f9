// Finds the OpenCL devices of this machine and opens one by its id, "opencl:PLATFORM:DEVICE".
#include <unistd.h>

#include <cstdlib>
#include <mutex>

#include "backends/backends.h"
#include "backends/opencl/platform/drivers.h"
#include "backends/opencl/runtime/cl.h"
#include "backends/opencl/runtime/device.h"
#include "backends/opencl/runtime/traits.h"
#include "engine/base/home_process.h"
#include "tessera/opencl_interop.h"

namespace tessera::opencl {
namespace {

std::string trimmed(std::string text) {
  const std::size_t begin = text.find_first_not_of(' ');
  const std::size_t end = text.find_last_not_of(' ');
  return begin == text.npos ? std::string() : text.substr(begin, end - begin + 1);
}

/// Drivers start threads when they are first asked, which a forked child does not have.
const HomeProcess& first_use() {
  static const HomeProcess process;
  return process;
}

std::vector<cl::Platform> platforms() {
  first_use().check("opencl", "OpenCL");
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
  info.memory_bytes = memory_bytes(device);
  info.max_allocation_bytes = device.getInfo<CL_DEVICE_MAX_MEM_ALLOC_SIZE>();
  return info;
}

/// Why its version does not do, or nothing.
std::string refuse_version(const cl::Device& device) {
  int major = 0, minor = 0;
  const std::string version = device.getInfo<CL_DEVICE_VERSION>();  // "OpenCL 1.2 ..."
  std::sscanf(version.c_str(), "OpenCL %d.%d", &major, &minor);
  return 10 * major + minor >= 12
             ? ""
             : fmt::format("it has '{}', expected at least OpenCL 1.2", version);
}

DeviceInfo probed(const cl::Device& device, DeviceInfo info) {
  info.reason = refuse_version(device);
  if (!info.reason.empty()) return info;
  OpenclDevice(device, info, query_traits(device)).probe();
  info.usable = true;
  return info;
}

/// Drivers keep compiled programs and more in folders of the user, and some offer nothing without:
/// says so where there is none.
std::string missing_folder() {
  const auto value_of = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::string(value ? value : "");
  };
  const char* const name = value_of("XDG_CACHE_HOME").empty() ? "HOME" : "XDG_CACHE_HOME";
  const std::string folder = value_of(name);
  const std::string expected =
      "; the driver may need a folder for its cache: expected HOME or "
      "XDG_CACHE_HOME to name one that can be written";
  if (folder.empty()) return fmt::format(", and {} is not set{}", name, expected);
  if (::access(folder.c_str(), W_OK | X_OK) == 0) return {};
  return fmt::format(", and {} is '{}', which cannot be written{}", name, folder, expected);
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
  if (devices.empty()) {
    unusable.reason += missing_folder();
    list.push_back(unusable);
  }
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

/// The broken drivers of the last list.
std::mutex broken_mutex;
std::vector<DeviceInfo> broken;

/// A driver that offers no platform is worth a line where that can be helped.
void list_problems(const std::vector<DriverProblem>& problems, std::size_t number,
                   std::vector<DeviceInfo>& list) {
  const std::lock_guard lock(broken_mutex);
  broken.clear();
  for (const DriverProblem& problem : problems) {
    const std::string folder = missing_folder();
    if (problem.offers_nothing && folder.empty()) continue;
    DeviceInfo info;
    info.id = fmt::format("opencl:{}", number++);
    info.name = info.platform = problem.name;
    info.reason = problem.reason + (problem.offers_nothing ? folder : "");
    list.push_back(info);
    if (problem.broken) broken.push_back(info);
  }
}

/// As in the list of devices; those that are in none, sub-devices, are called "opencl".
DeviceInfo describe(const cl::Device& device) {
  auto found = platforms();
  for (std::size_t p = 0; p < found.size(); ++p) {
    std::vector<cl::Device> devices;
    cl_uint count = 0;
    if (clGetDeviceIDs(found[p](), CL_DEVICE_TYPE_ALL, 0, nullptr, &count) != CL_SUCCESS) continue;
    found[p].getDevices(CL_DEVICE_TYPE_ALL, &devices);
    for (std::size_t i = 0; i < devices.size(); ++i)
      if (devices[i]() == device()) return describe(device, p, i);
  }
  DeviceInfo info = describe(device, 0, 0);
  info.id = "opencl";
  return info;
}

}  // namespace

std::vector<DeviceInfo> list_devices() {
  if (!first_use().is_here()) {
    DeviceInfo info;
    info.id = "opencl";
    info.name = "OpenCL, used before this process was forked";
    info.reason = "it was used before this process was forked";
    return {info};
  }
  std::vector<DeviceInfo> list;
  const std::vector<DriverProblem>& problems = start_loader();
  auto found = platforms();
  for (std::size_t i = 0; i < found.size(); ++i) list_platform(found[i], i, list);
  list_problems(problems, found.size(), list);
  return list;
}

std::vector<DeviceInfo> broken_drivers() {
  const std::lock_guard lock(broken_mutex);
  return broken;
}

namespace {

/// One of `count` sub-devices, which share the compute units.
cl::Device sub_device(cl::Device& device, const std::string& id, int index, int count) {
  const int units = static_cast<int>(device.getInfo<CL_DEVICE_MAX_COMPUTE_UNITS>());
  const auto refuse = [&](const std::string& why) {
    throw Error("device", fmt::format("{} cannot be split into {}: {}", id, count, why));
  };
  if (count > units) refuse(fmt::format("it has {} compute units", units));
  std::vector<cl_device_partition_property> split = {CL_DEVICE_PARTITION_BY_COUNTS};
  for (int i = 0; i < count; ++i) split.push_back(units / count + (i < units % count));
  split.insert(split.end(), {CL_DEVICE_PARTITION_BY_COUNTS_LIST_END, 0});
  std::vector<cl::Device> parts;
  try {
    device.createSubDevices(split.data(), &parts);
  } catch (const cl::Error& error) {
    refuse(fmt::format("{} in {}", error_name(error.err()), error.what()));
  }
  return parts.at(static_cast<std::size_t>(index));
}

}  // namespace

std::unique_ptr<Device> open_device(const std::string& id, int index, int count) {
  std::size_t platform = 0, number = 0;
  if (std::sscanf(id.c_str(), "opencl:%zu:%zu", &platform, &number) != 2)
    throw Error("device", "'" + id + "' is not an OpenCL device, expected opencl:PLATFORM:DEVICE");
  return checked("opening " + id, [&] {
    start_loader();
    const auto found = platforms();
    std::vector<cl::Device> devices;
    if (platform < found.size()) found[platform].getDevices(CL_DEVICE_TYPE_ALL, &devices);
    if (number >= devices.size()) throw Error("device", "there is no device '" + id + "'");
    cl::Device chosen = devices[number];
    DeviceInfo info = describe(chosen, platform, number);
    info.usable = true;
    // Launches of a sub-device are cut as for the whole, so that their results are the same.
    const Traits traits = query_traits(chosen);
    if (count > 1) {
      chosen = sub_device(chosen, id, index, count);
      info.id = fmt::format("{}/{}:{}", id, count, index);
      info.compute_units = chosen.getInfo<CL_DEVICE_MAX_COMPUTE_UNITS>();
    }
    auto device = std::make_unique<OpenclDevice>(chosen, info, traits);
    device->set_tuning(load_tuning(info));
    return device;
  });
}

std::unique_ptr<Device> open_device(cl_command_queue handle) {
  if (!handle) throw Error("device", "the queue of the application is null");
  return checked("opening the device of a queue", [&] {
    const cl::CommandQueue queue(handle, true);
    const auto device = queue.getInfo<CL_QUEUE_DEVICE>();
    DeviceInfo info = describe(device);
    info.reason = refuse_version(device);
    if (info.reason.empty() &&
        queue.getInfo<CL_QUEUE_PROPERTIES>() & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE)
      info.reason = "the queue is out of order, expected one that keeps the order";
    if (!info.reason.empty())
      throw Error("device",
                  fmt::format("{} ({}) is not usable: {}", info.id, info.name, info.reason));
    info.usable = true;
    auto opened = std::make_unique<OpenclDevice>(device, info, query_traits(device), queue);
    opened->set_tuning(load_tuning(info));
    return opened;
  });
}

}  // namespace tessera::opencl

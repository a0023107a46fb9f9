// The OpenCL devices of this machine and a folder of one's own, for the tests of that backend.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "backends/backends.h"
#include "backends/opencl/runtime/device.h"

namespace tessera::opencl {

inline std::unique_ptr<OpenclDevice> open_opencl(const std::string& id) {
  return std::unique_ptr<OpenclDevice>(
      static_cast<OpenclDevice*>(opencl::open_device(id).release()));
}

/// The ids of all usable ones; empty where there is none.
inline std::vector<std::string> usable_ids() {
  std::vector<std::string> ids;
  for (const DeviceInfo& info : opencl::list_devices())
    if (info.usable) ids.push_back(info.id);
  return ids;
}

/// A device for which every result is too large for its cache.
inline std::unique_ptr<OpenclDevice> open_with_small_cache(const std::string& id) {
  const auto device = open_opencl(id);
  Traits traits = device->traits();
  traits.cache_bytes = 4;
  return std::make_unique<OpenclDevice>(device->cl_device(), device->info(), traits);
}

/// Any device in the role of a GPU: the launches are those for GPUs, and slow on a CPU.
inline std::unique_ptr<OpenclDevice> open_as_gpu(const std::string& id) {
  const auto device = open_opencl(id);
  Traits traits = device->traits();
  traits.is_cpu = false;
  traits.float_width = 4;
  traits.work_group = 64;
  return std::make_unique<OpenclDevice>(device->cl_device(), device->info(), traits);
}

/// The same with so little memory that transforms of a batch take their place in turn.
inline std::unique_ptr<OpenclDevice> open_as_small_gpu(const std::string& id) {
  const auto gpu = open_as_gpu(id);
  Traits traits = gpu->traits();
  traits.global_memory = 16 << 20;
  return std::make_unique<OpenclDevice>(gpu->cl_device(), gpu->info(), traits);
}

/// An empty folder that goes with the object.
class TemporaryFolder {
 public:
  TemporaryFolder()
      : path_(std::filesystem::temp_directory_path() /
              ("tessera-test-" + std::to_string(std::random_device()()))) {
    std::filesystem::create_directory(path_);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// An environment variable, for the life of the object.
class Setting {
 public:
  Setting(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Setting() { ::unsetenv(name_); }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

 private:
  const char* name_;
};

}  // namespace tessera::opencl

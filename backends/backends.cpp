// Lists the devices of all backends and picks one of them.
#include "backends/backends.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "engine/base/ascii.h"
#include "tessera/check.h"
#include "tessera/error.h"
#include "tessera/verdict.h"

namespace tessera {
namespace {

/// In the order of MatmulPrecision.
constexpr std::array<std::string_view, 3> precision_names = {"float32", "tf32", "bf16"};

/// Position in the order of preference of "auto"; an OpenCL CPU device never comes before the CPU
/// backend.
int preference(const DeviceInfo& info) {
  if (info.type == DeviceType::discrete_gpu) return 0;
  if (info.type == DeviceType::integrated_gpu) return 1;
  return info.id == "cpu" ? 2 : 3;
}

/// The one with this name, or the usable one that has these words in its name; of several of the
/// same name the first.
const DeviceInfo* choose_by_name(const std::vector<DeviceInfo>& devices, const std::string& words) {
  const DeviceInfo *named = nullptr, *not_usable = nullptr;
  for (const DeviceInfo& info : devices) {
    if (ascii_lower(info.name) == words) return &info;
    if (ascii_lower(info.name).find(words) == std::string::npos) continue;
    if (info.usable && named && named->name != info.name)
      throw Error("device", fmt::format("'{}' fits {} ({}) and {} ({}), expected one", words,
                                        named->id, named->name, info.id, info.name));
    const DeviceInfo*& place = info.usable ? named : not_usable;
    if (!place) place = &info;
  }
  return named ? named : not_usable;
}

const DeviceInfo* choose(const std::vector<DeviceInfo>& devices, const std::string& selector) {
  if (selector == "auto") {
    const DeviceInfo* best = nullptr;
    for (const DeviceInfo& info : devices)
      if (info.usable && reason_to_avoid(info).empty() &&
          (!best || preference(info) < preference(*best)))
        best = &info;
    return best;
  }
  for (const DeviceInfo& info : devices)
    if (info.id == selector) return &info;
  for (const DeviceInfo& info : devices)
    if (info.usable && info.id.starts_with(selector + ":")) return &info;
  return choose_by_name(devices, selector);
}

}  // namespace

std::string_view to_string(DeviceType type) {
  switch (type) {
    case DeviceType::cpu:
      return "cpu";
    case DeviceType::integrated_gpu:
      return "integrated gpu";
    case DeviceType::discrete_gpu:
      return "discrete gpu";
    case DeviceType::accelerator:
      return "accelerator";
  }
  throw Error("device", "unknown device type");
}

std::string_view to_string(MatmulPrecision precision) {
  return precision_names.at(static_cast<std::size_t>(precision));
}

MatmulPrecision matmul_precision(std::string_view name) {
  const auto found = std::find(precision_names.begin(), precision_names.end(), name);
  if (found == precision_names.end())
    throw Error("device", fmt::format("there is no matmul precision '{}'; there are: {}", name,
                                      fmt::join(precision_names, ", ")));
  return static_cast<MatmulPrecision>(found - precision_names.begin());
}

std::string Device::set_matmul_precision(MatmulPrecision precision) {
  return precision == MatmulPrecision::float32
             ? std::string()
             : fmt::format("{} computes in float32 only", info().name);
}

std::vector<Candidate> Device::candidates(const Graph&, NodeId) { return {}; }

void Device::set_tuning(Tuning) {}

std::unique_ptr<Device> open_reference_device() { return cpu::open_reference(); }

std::vector<DeviceInfo> list_devices() {
  std::vector<DeviceInfo> devices = {cpu::device_info()};
  for (DeviceInfo& info : opencl::list_devices()) devices.push_back(std::move(info));
  return devices;
}

std::vector<DeviceInfo> broken_drivers() { return opencl::broken_drivers(); }

std::unique_ptr<Device> open_device(std::string_view selector) {
  const char* environment = std::getenv("TESSERA_DEVICE");
  std::string wanted = ascii_lower(selector);
  if (wanted.empty() && environment) wanted = ascii_lower(environment);
  if (wanted.empty()) wanted = "auto";
  if (wanted == "cpu") return cpu::open_device();  // asks no OpenCL driver
  const std::vector<DeviceInfo> devices = list_devices();
  const DeviceInfo* chosen = choose(devices, wanted);
  if (!chosen) {
    std::vector<std::string> names;
    for (const DeviceInfo& info : devices)
      names.push_back(fmt::format("{} ({}){}", info.id, info.name,
                                  info.usable ? "" : ": not usable: " + info.reason));
    throw Error("device", fmt::format("there is no device '{}'; there are: {}", wanted,
                                      fmt::join(names, ", ")));
  }
  if (!chosen->usable)
    throw Error("device",
                fmt::format("{} ({}) is not usable: {}", chosen->id, chosen->name, chosen->reason));
  return chosen->id == "cpu" ? cpu::open_device() : opencl::open_device(chosen->id);
}

}  // namespace tessera

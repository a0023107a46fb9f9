// Lists the devices of all backends and picks one of them.
#include "backends/backends.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "engine/base/ascii.h"
#include "tessera/check.h"
#include "tessera/error.h"
#include "tessera/group.h"
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

namespace {

/// Returns what was asked for, by the caller or by TESSERA_DEVICE, in lower case.
std::string wanted_devices(std::string_view given) {
  const char* environment = std::getenv("TESSERA_DEVICE");
  std::string wanted = ascii_lower(given);
  if (wanted.empty() && environment) wanted = ascii_lower(environment);
  return wanted.empty() ? "auto" : wanted;
}

/// A device, or one of the equal parts of it.
struct Selector {
  std::string device;
  std::optional<int> count, index;
};

int whole(std::string_view text, std::string_view selector) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0 || number > 1024)
    throw Error("device",
                fmt::format("'{}' is none, expected DEVICE/N or DEVICE/N:K, as cpu/2:0", selector));
  return number;
}

Selector selector_of(std::string_view text) {
  const std::size_t slash = text.rfind('/');
  const bool is_part = slash != text.npos && slash + 1 < text.size() && text[slash + 1] >= '0' &&
                       text[slash + 1] <= '9';
  if (!is_part) return {std::string(text), {}, {}};
  const std::string_view numbers = text.substr(slash + 1);
  const std::size_t colon = numbers.find(':');
  Selector selector{std::string(text.substr(0, slash)), whole(numbers.substr(0, colon), text), {}};
  if (colon != numbers.npos) selector.index = whole(numbers.substr(colon + 1), text);
  if (*selector.count < 1)
    throw Error("device", fmt::format("'{}' is none: a device is split into 1 or more", text));
  if (selector.index.value_or(0) >= *selector.count)
    throw Error("device", fmt::format("'{}' is none: {} parts are numbered from 0 to {}", text,
                                      *selector.count, *selector.count - 1));
  return selector;
}

std::unique_ptr<Device> open(const Selector& selector) {
  const std::string& wanted = selector.device;
  const int count = selector.count.value_or(1), index = selector.index.value_or(0);
  if (wanted == "cpu") return cpu::open_device(index, count);  // asks no OpenCL driver
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
  return chosen->id == "cpu" ? cpu::open_device(index, count)
                             : opencl::open_device(chosen->id, index, count);
}

/// The GPUs, or the CPU if there is none.
std::vector<std::string> group_of_all() {
  std::vector<std::string> all;
  for (const DeviceInfo& info : list_devices())
    if (in_group_of_all(info)) all.push_back(info.id);
  if (all.empty()) all.emplace_back("cpu");
  return all;
}

}  // namespace

bool are_of_one_kind(const DeviceInfo& a, const DeviceInfo& b) {
  return a.name == b.name && a.driver == b.driver && a.platform == b.platform;
}

bool in_group_of_all(const DeviceInfo& info) {
  return info.usable && info.type != DeviceType::cpu && reason_to_avoid(info).empty();
}

std::unique_ptr<Device> open_device(std::string_view selector) {
  const std::string wanted = wanted_devices(selector);
  const Selector parsed = selector_of(wanted);
  if (parsed.count && !parsed.index)
    throw Error("device", fmt::format("'{}' is a group of {} devices, expected one, as {}:0",
                                      wanted, *parsed.count, wanted));
  return open(parsed);
}

DeviceGroup open_devices(std::string_view list) {
  const std::string wanted = wanted_devices(list);
  std::vector<std::string> items;
  for (std::size_t begin = 0, end = 0; begin <= wanted.size(); begin = end + 1) {
    end = std::min(wanted.find(',', begin), wanted.size());
    const std::string item = wanted.substr(begin, end - begin);
    if (item == "all")
      for (std::string& id : group_of_all()) items.push_back(std::move(id));
    else if (item.empty())
      throw Error("device", fmt::format("the list '{}' has an empty item", wanted));
    else
      items.push_back(item);
  }
  std::vector<std::unique_ptr<Device>> devices;
  for (const std::string& item : items) {
    Selector selector = selector_of(item);
    const int first = selector.index.value_or(0);
    const int last = selector.index ? first : selector.count.value_or(1) - 1;
    for (int index = first; index <= last; ++index) {
      selector.index = index;
      devices.push_back(open(selector));
    }
  }
  return DeviceGroup(std::move(devices));
}

DeviceGroup::DeviceGroup(std::vector<std::unique_ptr<Device>> devices)
    : devices_(std::move(devices)) {
  if (devices_.empty()) throw Error("device", "a group has no devices, expected at least one");
  for (std::size_t i = 0; i < devices_.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (devices_[i]->info().id == devices_[j]->info().id)
        throw Error("device", fmt::format("{} comes twice, expected different devices",
                                          devices_[i]->info().id));
}

}  // namespace tessera

// `tessera devices`: lists the devices.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "tessera/device.h"
#include "tessera/group.h"
#include "tessera/verdict.h"
#include "tools/commands.h"
#include "tools/shared/json_text.h"
#include "tools/shared/standard_streams.h"

namespace tessera::tools {
namespace {

nlohmann::ordered_json to_json(const DeviceInfo& info) {
  nlohmann::ordered_json j = {{"id", info.id},
                              {"name", info.name},
                              {"vendor", info.vendor},
                              {"driver", info.driver},
                              {"platform", info.platform},
                              {"type", to_string(info.type)},
                              {"compute_units", info.compute_units},
                              {"memory_bytes", info.memory_bytes},
                              {"max_allocation_bytes", info.max_allocation_bytes},
                              {"cache_bytes", info.cache_bytes},
                              {"usable", info.usable}};
  j["in_all"] = in_group_of_all(info);
  if (!info.usable) j["reason"] = info.reason;
  if (const auto verdict = load_verdict(info)) j["avoid"] = verdict->avoid;
  return j;
}

void print_device(const DeviceInfo& info) {
  print("{:<12} {}\n", info.id, info.name);
  if (info.usable || info.compute_units > 0) {
    constexpr double gibibyte = 1024.0 * 1024.0 * 1024.0;
    print("{:<12} {}, {}, driver {}, {} compute units, {:.1f} GiB\n", "", to_string(info.type),
          info.vendor, info.driver, info.compute_units,
          static_cast<double>(info.memory_bytes) / gibibyte);
  }
  const std::string avoid = reason_to_avoid(info);
  print("{:<12} {}\n", "",
        !info.usable    ? "not usable: " + info.reason
        : avoid.empty() ? in_group_of_all(info) ? "usable, one of --device all" : "usable"
                        : "unreliable; auto skips it: " + avoid);
}

void run(bool json) {
  const std::vector<DeviceInfo> devices = list_devices();
  if (!json) {
    for (const DeviceInfo& info : devices) print_device(info);
    return;
  }
  auto list = nlohmann::ordered_json::array();
  for (const DeviceInfo& info : devices) list.push_back(to_json(info));
  print_text(json_text(list, 2) + "\n");
}

}  // namespace

void warn_of_broken_drivers() {
  for (const DeviceInfo& info : broken_drivers())
    print_error(fmt::format("ignored {} ({}): {}", info.id, info.name, info.reason));
}

void print_avoided() {
  for (const DeviceInfo& info : list_devices())
    if (const std::string avoid = reason_to_avoid(info); !avoid.empty())
      print("skipped {} ({}): {}\n", info.id, info.name, avoid);
}

void add_devices_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("devices", "List the devices");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "print JSON");
  command->callback([json] { run(*json); });
}

}  // namespace tessera::tools

#include "tessera/verdict.h"

#include <fmt/format.h>

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/json_text.h"
#include "engine/tuning_parts.h"
#include "engine/user_folder.h"
#include "tessera/error.h"
#include "tessera/output_file.h"

namespace tessera {
namespace {

using nlohmann::ordered_json;

std::string folder() {
  const char* const own = std::getenv("TESSERA_DOCTOR_DIR");
  const std::string found = user_folder("TESSERA_DOCTOR_DIR", "XDG_CONFIG_HOME", ".config");
  return found.empty() || (own && *own) ? found : found + "/doctor";
}

std::string path_of(const DeviceInfo& info) {
  const std::string in = folder();
  return in.empty() ? in : fmt::format("{}/{}.json", in, file_name_of(info));
}

/// What a verdict is for.
ordered_json subject(const DeviceInfo& info) {
  return {{"tessera", TESSERA_VERSION}, {"device", info.name}, {"driver", info.driver}};
}

}  // namespace

std::optional<Verdict> load_verdict(const DeviceInfo& info) {
  std::ifstream file(path_of(info), std::ios::binary);
  if (!file) return {};
  const auto j = ordered_json::parse(file, nullptr, false);
  if (!j.is_object() || j.value("subject", ordered_json()) != subject(info) ||
      !j.contains("avoid") || !j["avoid"].is_string())
    return {};
  return Verdict{j["avoid"].get<std::string>()};
}

std::string reason_to_avoid(const DeviceInfo& info) {
  const auto verdict = load_verdict(info);
  return verdict ? verdict->avoid : std::string();
}

std::string store_verdict(const DeviceInfo& info, const Verdict& verdict) {
  const std::string path = path_of(info);
  if (path.empty())
    throw Error("doctor",
                "there is no folder for results, expected the variable TESSERA_DOCTOR_DIR, "
                "XDG_CONFIG_HOME or HOME");
  make_folder(folder());
  const ordered_json j = {{"subject", subject(info)}, {"avoid", verdict.avoid}};
  write_file(path, json_text(j, 2) + "\n");
  return path;
}

}  // namespace tessera

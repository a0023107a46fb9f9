#include "tessera/verdict.h"

#include <fmt/format.h>

#include <cctype>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <span>

#include "engine/files/atomic_file.h"
#include "engine/files/bounded_json.h"
#include "engine/files/json_text.h"
#include "engine/files/private_file.h"
#include "engine/files/user_folder.h"
#include "engine/tuning/tuning_parts.h"
#include "tessera/error.h"

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

/// The subject of a verdict.
ordered_json subject(const DeviceInfo& info) {
  return {{"tessera", TESSERA_VERSION}, {"device", info.name}, {"driver", info.driver}};
}

}  // namespace

// Ignores a file that is damaged or that other users could have written.
std::optional<Verdict> load_verdict(const DeviceInfo& info) {
  constexpr std::size_t most_bytes = std::size_t{1} << 20;
  try {
    const std::string path = path_of(info);
    const auto text = path.empty() ? std::nullopt : read_private_file(path, most_bytes);
    if (!text) return {};
    const auto j = parse_json<ordered_json>(*text);
    if (member_of(j, "subject") != subject(info)) return {};
    return Verdict{json_member<std::string>(j, "avoid")};
  } catch (const Error&) {
    return {};
  }
}

std::string reason_to_avoid(const DeviceInfo& info) {
  const auto verdict = load_verdict(info);
  return verdict ? verdict->avoid : std::string();
}

std::string store_verdict(const DeviceInfo& info, const Verdict& verdict) {
  const std::string path = path_of(info);
  if (path.empty())
    throw Error("doctor",
                "there is no folder for results; set the variable TESSERA_DOCTOR_DIR, "
                "XDG_CONFIG_HOME or HOME");
  make_private_folder(folder());
  const ordered_json j = {{"subject", subject(info)}, {"avoid", verdict.avoid}};
  const std::string text = json_text(j, 2) + "\n";
  write_file_atomically(path, {std::as_bytes(std::span(text))}, private_mode);
  return path;
}

}  // namespace tessera

// Tuning results on disk: one JSON file for each device and driver, which is replaced atomically.
// Files embedded in the library have the same format.
#include <fmt/format.h>
#include <fnmatch.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <span>

#include "engine/base/ascii.h"
#include "engine/files/atomic_file.h"
#include "engine/files/bounded_json.h"
#include "engine/files/json_text.h"
#include "engine/files/private_file.h"
#include "engine/files/user_folder.h"
#include "engine/tuning/tuning_parts.h"
#include "tessera/device.h"
#include "tessera/error.h"
#include "tessera/output_file.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t most_bytes = std::size_t{16} << 20;

/// Returns a text such as "PoCL CPU, 3.1" as part of a file name.
std::string plain(const std::string& text) {
  std::string name;
  for (const char c : text)
    if (is_ascii_alnum(c) || c == '.' || c == '-')
      name += c;
    else if (!name.empty() && name.back() != '_')
      name += '_';
  return name;
}

std::string path_of(const DeviceInfo& info) {
  const std::string folder = tuning_folder();
  return folder.empty() ? std::string() : fmt::format("{}/{}.json", folder, file_name_of(info));
}

Tuning results_of(const json& j) {
  Tuning tuning;
  for (const auto& [key, result] : json_object(j, "results").items())
    tuning[key] = {candidate_of(result), json_member<double>(result, "microseconds") / 1e6,
                   json_member<double>(result, "default_microseconds") / 1e6};
  return tuning;
}

void expect(const json& j, const char* member, const std::string& expected) {
  const auto found = json_member<std::string>(j, member);
  if (found != expected)
    throw Error(fmt::format("{} is '{}', expected '{}'", member, found, expected));
}

/// Parses a file; the result has the reason if it is ignored.
TuningFile read(const std::string& path, std::string_view text, const DeviceInfo& info) {
  TuningFile file{path, {}, {}};
  try {
    const auto j = parse_json<json>(text);
    expect(j, "tessera", TESSERA_VERSION);
    expect(j, "device", info.name);
    expect(j, "driver", info.driver);
    file.tuning = results_of(j);
  } catch (const Error& error) {
    file.problem = error.what();
  }
  return file;
}

/// Whether embedded results are for a device; their names are shell patterns.
bool fits(const json& j, const DeviceInfo& info) {
  const auto matches = [&](const char* member, const std::string& value) {
    return fnmatch(json_member<std::string>(j, member).c_str(), value.c_str(), 0) == 0;
  };
  return matches("device", info.name) && matches("driver", info.driver);
}

std::string text_of(const DeviceInfo& info, const Tuning& tuning) {
  ordered_json results = ordered_json::object();
  const auto microseconds = [](double seconds) { return std::round(1e7 * seconds) / 10; };
  for (const auto& [key, tuned] : tuning) {
    results[key] = to_json(tuned.candidate);
    results[key]["microseconds"] = microseconds(tuned.seconds);
    results[key]["default_microseconds"] = microseconds(tuned.default_seconds);
  }
  const ordered_json j = {{"tessera", TESSERA_VERSION},
                          {"device", info.name},
                          {"driver", info.driver},
                          {"results", results}};
  return json_text(j, 2) + "\n";
}

}  // namespace

std::string file_name_of(const DeviceInfo& info) {
  return fmt::format("{}-{}", plain(info.name), plain(info.driver));
}

ordered_json to_json(const Candidate& candidate) {
  ordered_json parameters = ordered_json::object();
  for (const auto& [name, value] : candidate.parameters) parameters[name] = value;
  return {{"algorithm", candidate.algorithm}, {"parameters", parameters}};
}

Candidate candidate_of(const json& j) {
  Candidate candidate{json_member<std::string>(j, "algorithm"), {}};
  for (const auto& [name, value] : json_object(j, "parameters").items())
    candidate.parameters[name] = json_value<std::int64_t>(value, "'" + name + "'");
  return candidate;
}

std::string tuning_folder() {
  const char* const own = std::getenv("TESSERA_TUNING_DIR");
  const std::string folder = user_folder("TESSERA_TUNING_DIR", "XDG_CONFIG_HOME", ".config");
  return folder.empty() || (own && *own) ? folder : folder + "/tuning";
}

std::optional<TuningFile> shipped_tuning(const DeviceInfo& info) {
  for (const ShippedFile& file : shipped_tuning_files()) {
    const auto j = json::parse(file.text);
    if (fits(j, info)) return TuningFile{std::string(file.name), results_of(j), {}};
  }
  return {};
}

std::optional<TuningFile> stored_tuning(const DeviceInfo& info) {
  const std::string path = path_of(info);
  if (path.empty()) return {};
  try {
    const auto text = read_private_file(path, most_bytes);
    return text ? std::optional(read(path, *text, info)) : std::nullopt;
  } catch (const Error& error) {
    return TuningFile{path, {}, error.what()};
  }
}

Tuning load_tuning(const DeviceInfo& info) {
  const char* const wanted = std::getenv("TESSERA_TUNING");
  if (wanted && std::string_view(wanted) == "off") return {};
  Tuning tuning;
  if (const auto stored = stored_tuning(info)) tuning = stored->tuning;
  if (auto shipped = shipped_tuning(info)) tuning.merge(shipped->tuning);
  return tuning;
}

std::string store_tuning(const DeviceInfo& info, const Tuning& tuning) {
  const std::string path = path_of(info);
  if (path.empty())
    throw Error("tuning",
                "there is no folder for results; set the variable TESSERA_TUNING_DIR, "
                "XDG_CONFIG_HOME or HOME");
  make_private_folder(tuning_folder());
  const OutputLock lock(path, OutputLock::Busy::waits);  // other processes store results too
  Tuning all = tuning;
  if (auto stored = stored_tuning(info)) all.merge(stored->tuning);
  const std::string text = text_of(info, all);
  write_file_atomically(path, {std::as_bytes(std::span(text))}, private_mode);
  return path;
}

bool clear_tuning(const DeviceInfo& info) {
  const std::string path = path_of(info);
  std::error_code error;
  const bool removed = !path.empty() && fs::remove(path, error);
  if (error) throw Error(path, "cannot be removed: " + error.message());
  return removed;
}

}  // namespace tessera

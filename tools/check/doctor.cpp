// `tessera doctor`: checks whether the devices of this machine compute correctly, and stores a
// verdict for `auto`.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <cstdlib>

#include "tessera/error.h"
#include "tessera/output_file.h"
#include "tessera/verdict.h"
#include "tools/commands.h"
#include "tools/predict/examination.h"
#include "tools/shared/json_text.h"
#include "tools/shared/standard_streams.h"

namespace tessera::tools {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Finding::Kind;

struct Arguments {
  std::string device;
  double seconds = 60;
  bool json = false;
  bool worker = false;
  std::string report;
};

struct Patient {
  DeviceInfo info;
  std::vector<Finding> findings;

  std::vector<std::string> checks(Kind kind) const {
    std::vector<std::string> names;
    for (const Finding& finding : findings)
      if (finding.kind == kind) names.push_back(finding.check);
    return names;
  }
  /// Returns the first finding of this kind, or an empty text.
  std::string first(Kind kind) const {
    for (const Finding& finding : findings)
      if (finding.kind == kind) return fmt::format("{}: {}", finding.check, finding.text);
    return {};
  }
  std::string avoid() const { return first(Kind::wrong); }
  std::string unfinished() const { return first(Kind::unfinished); }
  std::string verdict() const {
    if (!info.usable) return "not usable: " + info.reason;
    if (const std::string reason = avoid(); !reason.empty())
      return "unreliable; auto skips it: " + reason;
    if (const std::string reason = unfinished(); !reason.empty())
      return "checks not completed: " + reason + "; allow more time with --seconds";
    const std::vector<std::string> lacks = checks(Kind::lacks);
    return lacks.empty() ? "usable" : fmt::format("usable without {}", fmt::join(lacks, ", "));
  }
};

std::string text_of(const Patient& patient) {
  static constexpr const char* words[] = {"right", "", "absent", "WRONG", "unfinished"};
  const DeviceInfo& info = patient.info;
  std::string text = printable(fmt::format("{} {} ({}, driver {})", info.id, info.name,
                                           info.platform, info.driver)) +
                     "\n";
  for (const Finding& f : patient.findings)
    text += fmt::format(
        "  {:<34} {}\n", f.check,
        f.kind == Kind::figure || f.text.empty()
            ? words[static_cast<std::size_t>(f.kind)] + printable(f.text)
            : fmt::format("{}: {}", words[static_cast<std::size_t>(f.kind)], printable(f.text)));
  return text + "  " + printable(patient.verdict()) + "\n";
}

Json json_of(const Patient& patient) {
  Json findings = Json::array();
  for (const Finding& finding : patient.findings) findings.push_back(to_json(finding));
  return {{"id", patient.info.id},
          {"name", patient.info.name},
          {"platform", patient.info.platform},
          {"driver", patient.info.driver},
          {"verdict", patient.verdict()},
          {"findings", findings}};
}

/// Returns the requested devices, or all. Does not open a device that is named by its id, since its
/// driver may hang.
std::vector<DeviceInfo> devices_of(const Arguments& arguments) {
  const std::vector<DeviceInfo> all = list_devices();
  if (arguments.device.empty() || arguments.device == "auto") return all;
  for (const DeviceInfo& info : all)
    if (info.usable && info.id == arguments.device) return {info};
  return {open_device(arguments.device)->info()};
}

/// Stores the verdict that `auto` reads.
void keep(const Patient& patient) {
  try {
    if (patient.info.usable && (!patient.avoid().empty() || patient.unfinished().empty()))
      store_verdict(patient.info, {patient.avoid()});
  } catch (const Error& error) {
    print_error(error.what() + std::string("; the verdict is not stored"));
  }
}

void run(const Arguments& arguments) {
  if (arguments.worker) return serve_examination(arguments.device, arguments.seconds);
  if (!arguments.report.empty()) check_output(arguments.report);
  // A driver that hangs when it starts has no longer either, unless the user says so.
  ::setenv("TESSERA_DRIVER_SECONDS", fmt::format("{}", arguments.seconds).c_str(), 0);
  std::string report = fmt::format("Tessera {}\n", TESSERA_VERSION);
  Json all = Json::array();
  std::vector<std::string> wrong, unfinished;
  for (const DeviceInfo& info : devices_of(arguments)) {
    Patient patient{info, {}};
    if (info.usable) patient.findings = examine(info, arguments.seconds);
    keep(patient);
    if (!patient.avoid().empty())
      wrong.push_back(info.id);
    else if (!patient.unfinished().empty())
      unfinished.push_back(info.id);
    const std::string text = text_of(patient);
    if (!arguments.json) print_text(text);
    flush_output();
    report += text;
    all.push_back(json_of(patient));
  }
  if (arguments.json) print_text(json_text(all, 2) + "\n");
  if (!arguments.report.empty()) {
    write_file(arguments.report, report);
  }
  if (!wrong.empty())
    throw Error("doctor", fmt::format("unreliable devices: {}", fmt::join(wrong, ", ")));
  if (!unfinished.empty())
    throw Error("doctor", fmt::format("checks not completed: {}", fmt::join(unfinished, ", ")));
}

}  // namespace

void add_doctor_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("doctor", "Check that devices compute correctly");
  auto a = std::make_shared<Arguments>();
  command->add_option("--device", a->device,
                      "cpu, opencl:P:D or part of a device name (default: all devices)");
  command->add_option("--seconds", a->seconds, "approximate time for each device, in seconds")
      ->check(at_least(1.0));
  command->add_flag("--json", a->json, "print JSON");
  command->add_option("--report", a->report, "also write the report to this file");
  command->add_flag("--worker", a->worker)->group("");
  command->callback([a] { run(*a); });
}

}  // namespace tessera::tools

// Runs tessera-probe until no driver breaks it, and keeps what that has shown.
#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "backends/opencl/install_places.h"
#include "backends/opencl/platform/drivers.h"
#include "backends/opencl/platform/probe_process.h"
#include "backends/opencl/programs/disk_cache.h"
#include "tessera/error.h"

extern char** environ;

namespace tessera::opencl {
namespace {

namespace fs = std::filesystem;

/// On an idle machine; some drivers need many seconds to start where there are several devices.
constexpr double default_seconds = 20;
constexpr double most_seconds = 600;
/// What may have been an accident, or have been mended, is tried again.
constexpr std::int64_t seconds_of_a_problem = 600;

/// Why a driver without a platform is one.
constexpr const char* no_platform = "the driver offers no platform";

constexpr const char* last_line = "\n@tessera done\n";

/// As long as the user says, else longer where more processes wait for the machine than it runs at
/// a time: a driver that comes late there is not broken.
double longest_seconds() {
  const char* const value = std::getenv("TESSERA_DRIVER_SECONDS");
  if (const double seconds = value ? std::atof(value) : 0; seconds > 0)
    return std::min(seconds, most_seconds);
  double load = 0;
  const double processors = std::max(1u, std::thread::hardware_concurrency());
  if (::getloadavg(&load, 1) != 1) load = 0;
  return std::min(default_seconds * std::max(1.0, load / processors), most_seconds);
}

/// TESSERA_PROBE, else beside the installed library or in the build folder; empty when there is
/// none.
std::string find_program() {
  if (const char* const own = ::secure_getenv("TESSERA_PROBE"); own && *own)
    return std::string_view(own) == "off" ? "" : own;
  const fs::path installed = fs::path(TESSERA_LIBEXECDIR) / "tessera/tessera-probe";
  std::vector<fs::path> places;
  Dl_info info = {};
  if (::dladdr(reinterpret_cast<const void*>(&find_program), &info) && info.dli_fname &&
      info.dli_fname[0] == '/') {
    std::error_code error;
    const fs::path folder = fs::canonical(info.dli_fname, error).parent_path();
    places = {folder / installed.lexically_relative(TESSERA_LIBDIR),
              folder / "backends/opencl/tessera-probe"};
  }
  places.push_back(fs::path(TESSERA_PREFIX) / installed);
  for (const fs::path& place : places)
    if (::access(place.c_str(), X_OK) == 0) return place.lexically_normal().string();
  return {};
}

std::string stamp(const std::string& path) {
  struct stat found = {};
  if (::stat(path.c_str(), &found) != 0) return "none";
  return fmt::format("{}.{} {} {}", found.st_mtim.tv_sec, found.st_mtim.tv_nsec, found.st_size,
                     found.st_ino);
}

/// The variables that choose drivers, or by which drivers choose what they offer.
bool is_read_by_drivers(std::string_view variable) {
  static constexpr std::array<std::string_view, 18> starts = {"TESSERA_DRIVER_",
                                                              "OCL_",
                                                              "OPENCL_",
                                                              "LD_",
                                                              "HOME=",
                                                              "XDG_CACHE_HOME=",
                                                              "TMPDIR=",
                                                              "POCL_",
                                                              "RUSTICL_",
                                                              "CUDA_",
                                                              "NVIDIA_",
                                                              "ROCR_",
                                                              "HIP_",
                                                              "HSA_",
                                                              "GPU_",
                                                              "AMD_",
                                                              "NEO",
                                                              "ZE_"};
  return std::any_of(starts.begin(), starts.end(),
                     [&](std::string_view start) { return variable.starts_with(start); });
}

/// All that the result depends on and that is known before.
std::string question(const std::string& program, const std::vector<Driver>& drivers) {
  std::string text = fmt::format("drivers 1 {} {}\n", program, stamp(program));
  std::ifstream boot("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(boot, id);
  text += id + "\n";
  for (const Driver& driver : drivers)
    text += fmt::format("{} {} {}\n", driver.file, stamp(driver.file), driver.library);
  std::vector<std::string> variables;
  for (char** variable = environ; variable && *variable; ++variable)
    if (is_read_by_drivers(*variable)) variables.emplace_back(*variable);
  std::sort(variables.begin(), variables.end());
  for (const std::string& variable : variables) text += variable + "\n";
  return text;
}

/// Without characters that a terminal obeys, and not long.
std::string printable(const std::string& text) {
  std::string result;
  for (const char c : text.substr(0, 200))
    result += std::iscntrl(static_cast<unsigned char>(c)) ? '?' : c;
  return result;
}

/// What the output of the program says.
struct Trial {
  bool worked = false;                            ///< the program itself: else nothing is known
  int driver = -1;                                ///< called last, by its place among those tried
  std::string call;                               ///< of it
  std::string chatter;                            ///< the last line that a driver printed
  std::vector<std::pair<int, std::string>> idle;  ///< that offer nothing, and why
  std::vector<std::string> objects;
};

Trial read_trial(const std::string& output) {
  Trial trial;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string mark, kind, rest;
    words >> mark >> kind;
    if (mark != "@tessera") {
      if (!line.empty()) trial.chatter = printable(line);
      continue;
    }
    trial.worked = true;
    int driver = -1;
    if (kind != "object") words >> driver;
    std::getline(words >> std::ws, rest);
    if (kind == "in") {
      trial.driver = driver;
      trial.call = rest;
      trial.chatter.clear();
    }
    if (kind == "absent")
      trial.idle.emplace_back(driver, "the driver cannot be loaded: " + printable(rest));
    if (kind == "empty") trial.idle.emplace_back(driver, no_platform);
    if (kind == "object") trial.objects.push_back(rest);
  }
  return trial;
}

std::string reason_of(const Trial& trial, const std::string& end, double seconds) {
  std::string reason =
      end.empty() ? fmt::format(
                        "it does not return from {} within {:.3g} s (TESSERA_DRIVER_SECONDS "
                        "gives it longer)",
                        trial.call, seconds)
                  : fmt::format("it ends the process by {} in {}", end, trial.call);
  if (!trial.chatter.empty()) reason += fmt::format(", after it printed '{}'", trial.chatter);
  return "the driver is broken and left out: " + reason;
}

/// `drivers` alone are tried; `all`: no other is installed.
ProbeRun run(const std::string& program, const std::vector<Driver>& drivers, bool all,
             double seconds) {
  std::vector<std::string> words = {program, fmt::format("{}", static_cast<int>(seconds) + 5)};
  for (const Driver& driver : drivers) words.push_back(driver.library);
  std::vector<std::string> environment;
  const std::string start = fmt::format("{}=", drivers_variable);
  for (char** variable = environ; variable && *variable; ++variable)
    if (all || !std::string_view(*variable).starts_with(start)) environment.emplace_back(*variable);
  if (all) return run_probe(words, environment, last_line, seconds);
  const DriverFolder folder(drivers);
  environment.push_back(start + folder.path());
  return run_probe(words, environment, last_line, seconds);
}

struct Answer {
  std::vector<DriverProblem> problems;
  std::vector<std::string> objects;
};

/// Why a run of the program ended before its last line; nothing when it did not.
std::string failure(const ProbeRun& probe, const Trial& trial, double seconds) {
  return probe.output.ends_with(last_line) ? std::string() : reason_of(trial, probe.end, seconds);
}

/// Takes those out that break the program alone, or all when it takes several of them.
void remove_broken(const std::string& program, std::vector<Driver>& drivers,
                   const std::string& reason, std::vector<DriverProblem>& problems) {
  std::vector<Driver> good;
  for (const Driver& driver : drivers) {
    const double seconds = longest_seconds();
    const ProbeRun probe = run(program, {driver}, false, seconds);
    const std::string alone = failure(probe, read_trial(probe.output), seconds);
    if (alone.empty())
      good.push_back(driver);
    else
      problems.push_back({driver.name(), alone, true});
  }
  if (good.size() == drivers.size()) {
    for (const Driver& driver : good) problems.push_back({driver.name(), reason, true});
    good.clear();
  }
  drivers = good;
}

Answer ask(const std::string& program, std::vector<Driver> drivers) {
  Answer answer;
  const std::size_t count = drivers.size();
  while (!drivers.empty()) {
    const double seconds = longest_seconds();
    const ProbeRun probe = run(program, drivers, drivers.size() == count, seconds);
    const Trial trial = read_trial(probe.output);
    if (!trial.worked) return {};
    const std::string reason = failure(probe, trial, seconds);
    if (reason.empty()) {
      for (const auto& [index, idle] : trial.idle)
        answer.problems.push_back(
            {drivers.at(static_cast<std::size_t>(index)).name(), idle, false, idle == no_platform});
      answer.objects = trial.objects;
      break;
    }
    if (trial.driver < 0) {  // the loader called it
      remove_broken(program, drivers, reason, answer.problems);
      continue;
    }
    const auto broken = drivers.begin() + trial.driver;
    answer.problems.push_back({broken->name(), reason, true});
    drivers.erase(broken);
  }
  return answer;
}

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// A line each: the time, the problems and the objects with their stamps.
std::string text_of(const Answer& answer) {
  std::string text = fmt::format("{}\n", now());
  for (const DriverProblem& problem : answer.problems)
    text += fmt::format("{}\t{}\t{}\n", problem.broken ? "broken" : "idle", problem.name,
                        problem.reason);
  for (const std::string& object : answer.objects)
    text += fmt::format("object\t{}\t{}\n", object, stamp(object));
  return text;
}

/// Whether the text still holds, with its problems.
bool read_answer(const std::vector<unsigned char>& bytes, std::vector<DriverProblem>& problems) {
  std::istringstream lines(std::string(bytes.begin(), bytes.end()));
  std::int64_t time = 0;
  lines >> time >> std::ws;
  const std::int64_t age = now() - time;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find('\t'), second = line.find('\t', first + 1);
    if (first == line.npos || second == line.npos) return false;
    const std::string kind = line.substr(0, first), rest = line.substr(second + 1);
    const std::string name = line.substr(first + 1, second - first - 1);
    if (kind == "object") {
      if (stamp(name) != rest) return false;
      continue;
    }
    if (rest != no_platform && (age < 0 || age > seconds_of_a_problem)) return false;
    problems.push_back({name, rest, kind == "broken", rest == no_platform});
  }
  return true;
}

}  // namespace

std::vector<DriverProblem> try_drivers(const std::vector<Driver>& drivers) {
  const std::string program = drivers.empty() ? std::string() : find_program();
  if (program.empty()) return {};
  const DiskCache cache;
  const std::string key = DiskCache::key(question(program, drivers));
  std::vector<DriverProblem> problems;
  if (const auto kept = cache.load(key); kept && read_answer(*kept, problems)) return problems;
  try {
    const Answer answer = ask(program, drivers);
    const std::string text = text_of(answer);
    cache.store(key, {text.begin(), text.end()});
    return answer.problems;
  } catch (const Error& error) {  // one is broken, and the others cannot be told from it
    problems.clear();
    for (const Driver& driver : drivers) problems.push_back({driver.name(), error.what(), true});
    return problems;
  }
}

}  // namespace tessera::opencl

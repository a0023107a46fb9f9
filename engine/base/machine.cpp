#include "engine/base/machine.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

#include "engine/base/control_group.h"
#include "tessera/error.h"

namespace tessera {
namespace {

constexpr int most_threads = 1024;

/// Returns the value of a field of /proc/cpuinfo, or "unknown".
std::string cpuinfo(std::string_view field) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with(field) && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

/// Cached, since they are read often and do not change while the process runs.
const GroupLimits& group_limits() {
  static const GroupLimits limits = read_group_limits();
  return limits;
}

/// Returns an environment variable as a number of threads.
std::optional<int> threads_from(const char* name) {
  const char* text = std::getenv(name);
  if (!text) return {};
  const std::string_view view(text);
  int value = 0;
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  if (error != std::errc{} || value < 1 || value > most_threads) return {};
  const bool whole = end == view.data() + view.size() || *end == ',';  // OMP_NUM_THREADS: a list
  return whole ? std::optional(value) : std::nullopt;
}

int available_processors() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace

Machine read_machine() {
  Machine machine{cpuinfo("model name"), cpuinfo("vendor_id"), 0};
  machine.memory_bytes = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                         static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  if (const auto bytes = group_limits().memory_bytes)
    machine.memory_bytes = std::min(machine.memory_bytes, *bytes);
  return machine;
}

// From Linux's files: on AMD machines sysconf() adds up the caches of other processors.
std::uint64_t last_cache_bytes() {
  std::uint64_t kib = 0;
  for (int i = 0;; ++i) {
    std::ifstream file(fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/size", i));
    std::string text;  // "1024K"
    if (!std::getline(file, text)) return kib << 10;
    std::uint64_t size = 0;
    std::from_chars(text.data(), text.data() + text.size(), size);
    kib = std::max(kib, size);
  }
}

int thread_count() {
  if (const auto threads = threads_from("TESSERA_THREADS")) return *threads;
  if (const char* text = std::getenv("TESSERA_THREADS"))
    throw Error("cpu", fmt::format("TESSERA_THREADS is '{}', expected a number from 1 to {}", text,
                                   most_threads));
  if (const auto threads = threads_from("OMP_NUM_THREADS")) return *threads;
  int threads = std::min(available_processors(), most_threads);
  if (const auto quota = group_limits().processors; quota && *quota < threads)
    threads = std::max(1, static_cast<int>(std::ceil(*quota)));
  return threads;
}

}  // namespace tessera
